import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { BomComponent } from '../../lib/images/bill-of-materials.ts';
import type { ScanFinding } from '../../lib/images/scan-rules.ts';
import { mustRun } from '../../lib/process/shell.ts';
import type { Result } from '../../lib/verify/check.ts';
import type { ScanFacts } from '../../lib/verify/facts.ts';
import { scanFolder } from '../../lib/verify/gather/scan.ts';
import { findBomFaults } from '../bom-schema.ts';
import { TestStack } from './harness.ts';

const HINT = 'see above';

interface Summary {
  complete: boolean;
  method: string;
  high: string[];
  findings: ScanFinding[];
}

describe('prod-scan', { timeout: 600_000 }, () => {
  let stack: TestStack;
  let first: Summary;

  before(async () => {
    stack = await TestStack.create('scan');
    await stack.mustScript('npm-network', ['create']);
    const [scan] = await Promise.all([stack.script('scan', ['--json']), stack.mustScript('up')]);
    first = JSON.parse(scan.stdout) as Summary;
  });
  after(async () => {
    if (stack) rmSync(scanFolder(stack.settings.prefix), { recursive: true, force: true });
    await stack?.dispose();
  });

  const readBom = (service: string) =>
    readFileSync(
      join(scanFolder(stack.settings.prefix), `${stack.settings.prefix}-${service}.cdx.json`),
      'utf8',
    );
  const componentsOf = (service: string) =>
    (JSON.parse(readBom(service)) as { components: BomComponent[] }).components.map(({ purl = '' }) => purl);

  it('writes a valid bill of materials of each image, with what is really in it', async () => {
    for (const service of ['backend', 'frontend', 'postgres']) {
      assert.deepEqual(findBomFaults(JSON.parse(readBom(service))), [], service);
    }
    const version = (await mustRun(['docker', 'exec', stack.name('backend'), 'node', '--version'], HINT))
      .trim()
      .slice(1);
    const expected: [string, string[], string[]][] = [
      // Copied libraries, what is compiled into Node, npm packages; but no test tool, and no shell.
      [
        'backend',
        ['pkg:deb/debian/libc6@', `pkg:generic/node@${version}`, 'pkg:npm/fastify@'],
        ['pkg:npm/fast-check@', 'pkg:deb/debian/bash@'],
      ],
      ['frontend', ['pkg:deb/debian/nginx@', 'pkg:npm/vue@'], ['pkg:npm/vitest@']],
      ['postgres', ['pkg:deb/debian/postgresql-17@', 'pkg:deb/debian/bash@'], ['pkg:npm/']],
    ];
    for (const [service, there, absent] of expected) {
      const purls = componentsOf(service);
      for (const start of there)
        assert.ok(
          purls.some((purl) => purl.startsWith(start)),
          `${service} has ${start}`,
        );
      for (const start of absent)
        assert.ok(!purls.some((purl) => purl.startsWith(start)), `${service} has no ${start}`);
    }
  });

  it('says what it asked, and is taken for complete only when all was answered', () => {
    assert.match(first.method, /pending updates of Debian's packages in \S+-postgres:\S+|trivy|grype/);
    const npm = /npm audit|trivy|grype/.test(first.method);
    if (!npm) assert.equal(first.complete, false);
  });

  async function verifyScan(): Promise<Record<string, Result['status']>> {
    const only = ['--only', 'image-bill-of-materials,image-updates'];
    const { stdout } = await stack.script('verify', ['--json', ...only]);
    const { results } = JSON.parse(stdout) as { results: Result[] };
    return Object.fromEntries(results.map(({ id, status }) => [id, status]));
  }

  it('lets prod-verify see bill and findings of what runs', async () => {
    assert.deepEqual(await verifyScan(), {
      'image-bill-of-materials': 'ok',
      'image-updates': first.high.length > 0 ? 'fail' : first.complete ? 'ok' : 'warn',
    });
  });

  it('fails for a package of what runs that waits for its security update', async () => {
    const dockerfile = join(stack.tmp, 'Dockerfile');
    const image = `${stack.name('postgres')}:latest`;
    const older = '/^Package: libssl3t64$/,/^$/s/^Version: .*/Version: 3.0.0-1/';
    writeFileSync(
      dockerfile,
      `FROM ${image}\nUSER 0\nRUN sed -i '${older}' /var/lib/dpkg/status\nUSER 999:999\n`,
    );
    await mustRun(['docker', 'build', '--quiet', '--tag', image, stack.tmp], HINT, {
      env: { DOCKER_BUILDKIT: '1' },
    });
    await stack.mustScript('update', ['--no-build', '--with-database', '--no-backup']);
    const { exitCode, stderr } = await stack.script('scan');
    assert.equal(exitCode, 1, stderr);
    assert.match(stderr, /HIGH deb:libssl3t64: libssl3t64 3\.0\.0-1 in \S+-postgres:\S+\n +→ fixed in 3\./);
    assert.match(stderr, /findings from HIGH on\n +→ npx tsx scripts\/base-images\.ts --refresh/);
  });

  it('lets prod-verify fail as well, and for a bill that lists nothing of an image', async () => {
    const updates = { 'image-bill-of-materials': 'ok', 'image-updates': 'fail' };
    assert.deepEqual(await verifyScan(), updates);
    const file = join(scanFolder(stack.settings.prefix), 'summary.json');
    const summary = JSON.parse(readFileSync(file, 'utf8')) as ScanFacts;
    const { imageId } = await stack.container('postgres');
    assert.ok(summary.components[imageId]);
    writeFileSync(file, JSON.stringify({ ...summary, components: { ...summary.components, [imageId]: 0 } }));
    assert.deepEqual(await verifyScan(), { ...updates, 'image-bill-of-materials': 'fail' });
  });
});
