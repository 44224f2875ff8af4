import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeBom, toDebianComponent, toNodeComponents } from '../lib/images/bill-of-materials.ts';
import { listLockedPackages } from '../lib/images/npm-lock.ts';
import {
  judgeFindings,
  parseAptSimulation,
  parseDistribution,
  parseDpkgStatus,
  parseExceptions,
  parseGrype,
  parseNpmAudit,
  parseTrivy,
  type ScanFinding,
} from '../lib/images/scan-rules.ts';
import { findScanner } from '../lib/images/scanner.ts';
import { findVersion, refuseScanner, type ScannerFile } from '../lib/images/scanner-rules.ts';
import { ROOT } from '../lib/process/root.ts';
import { findBomFaults } from './bom-schema.ts';

const facts = {
  image: 'kidney-genetics-backend:latest',
  imageId: 'sha256:abc',
  revision: 'abc123',
  tool: { name: 'kit', version: '1.2.3' },
  timestamp: '2026-01-02T03:04:05.000Z',
  uuid: '3e671687-395b-41f5-a30f-a58921a69b79',
};

describe('bills of materials', () => {
  const debian = toDebianComponent(
    { name: 'libstdc++6', version: '1:14.2.0-19', architecture: 'amd64' },
    { id: 'debian', version: '13' },
  );

  it('are valid CycloneDX 1.5', () => {
    const bom = makeBom(facts, [
      debian,
      ...toNodeComponents({ node: '24.21.0', openssl: '3.5.1', modules: '137' }),
    ]);
    assert.deepEqual(findBomFaults(bom), []);
    const spoiled = { ...bom, components: [{ type: 'library', name: 'a', tpye: 1 }] };
    assert.deepEqual(findBomFaults(spoiled), ['/components/0 must NOT have additional properties']);
  });

  it('name packages by purl, and tell each once', () => {
    assert.equal(debian.purl, 'pkg:deb/debian/libstdc%2B%2B6@1%3A14.2.0-19?arch=amd64&distro=debian-13');
    assert.deepEqual(
      makeBom(facts, [debian, debian]).components.map(({ name }) => name),
      ['libstdc++6'],
    );
    assert.deepEqual(
      toNodeComponents({ node: '24.21.0', modules: '137' }).map(({ purl }) => purl),
      ['pkg:generic/node@24.21.0'],
    );
  });

  it('list what a workspace needs at run time, from where Node would find it', () => {
    const lock = {
      packages: {
        '': { dependencies: { zx: '8' } },
        frontend: { version: '1', dependencies: { vue: '3' }, optionalDependencies: { mac: '1' } },
        'node_modules/frontend': { link: true },
        'node_modules/vue': {
          version: '3.5.1',
          license: 'MIT',
          dependencies: { '@vue/shared': '3', entities: '4' },
        },
        'node_modules/vue/node_modules/entities': { version: '4.0.0', license: '(MIT OR CC0-1.0)' },
        'node_modules/entities': { version: '7.0.0' },
        // Goes round in a circle.
        'node_modules/@vue/shared': { version: '3.5.1', dependencies: { vue: '3' } },
        'node_modules/zx': { version: '8.0.0' },
      },
    };
    const listed = listLockedPackages(lock, 'frontend');
    assert.deepEqual(listed.map(({ purl }) => purl).sort(), [
      ...['pkg:npm/%40vue/shared@3.5.1', 'pkg:npm/entities@4.0.0', 'pkg:npm/vue@3.5.1'],
    ]);
    assert.deepEqual(listed.find(({ name }) => name === 'entities')?.licenses, [
      { expression: '(MIT OR CC0-1.0)' },
    ]);
  });
});

describe('Debian', () => {
  it('tells installed packages alone', () => {
    const status = `Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2-1
Description: a shell
 Package: not one

Package: gone
Status: deinstall ok config-files
Version: 1
`;
    assert.deepEqual(parseDpkgStatus(status), [{ name: 'bash', version: '5.2-1', architecture: 'amd64' }]);
  });

  it('tells its release, also one in preparation', () => {
    const table: [string, ReturnType<typeof parseDistribution>][] = [
      [
        'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n',
        { id: 'debian', version: '13', codename: 'trixie' },
      ],
      ['ID=debian\nVERSION_CODENAME=forky\n', { id: 'debian', version: 'forky', codename: 'forky' }],
    ];
    for (const [text, expected] of table) assert.deepEqual(parseDistribution(text), expected);
  });

  it('has security updates and fixes of a stable release counted as HIGH, other updates as LOW', () => {
    const output = `Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
Inst libpq5 [17.5-1] (17.6-0 Debian-Security:13/stable-security [amd64]) []
Inst openssl [3.5.1-1] (3.5.9-1~deb13u1 Debian:13.8/stable [amd64])
Inst nginx [1.30.5-1] (1.30.6-1 Debian:testing [amd64])
Conf nginx (1.30.6-1 Debian:testing [amd64])`;
    assert.deepEqual(
      parseAptSimulation(output, 'image').map(({ id, severity, component, fixedIn }) => [
        id,
        severity,
        component,
        fixedIn,
      ]),
      [
        ['deb:libssl3t64', 'HIGH', 'libssl3t64 3.5.1-1', '3.5.1-1+deb13u1'],
        ['deb:libpq5', 'HIGH', 'libpq5 17.5-1', '17.6-0'],
        ['deb:openssl', 'HIGH', 'openssl 3.5.1-1', '3.5.9-1~deb13u1'],
        ['deb:nginx', 'LOW', 'nginx 1.30.5-1', '1.30.6-1'],
      ],
    );
  });
});

describe('scanners', () => {
  it('are read', () => {
    const trivy = {
      Results: [
        {
          Vulnerabilities: [
            {
              VulnerabilityID: 'CVE-1',
              PkgName: 'a',
              InstalledVersion: '1',
              FixedVersion: '2',
              Severity: 'CRITICAL',
            },
          ],
        },
        {},
      ],
    };
    const grype = {
      matches: [
        {
          vulnerability: { id: 'CVE-2', severity: 'Negligible', fix: { versions: ['3'] } },
          artifact: { name: 'b', version: '2' },
        },
      ],
    };
    const audit = {
      vulnerabilities: {
        c: {
          via: [
            { source: 1, url: 'https://github.com/advisories/GHSA-x', severity: 'moderate', name: 'c' },
            'd',
          ],
          range: '<3',
          fixAvailable: true,
        },
      },
    };
    const short = (list: ScanFinding[] | undefined) =>
      list?.map(({ id, severity, component, fixedIn }) => [id, severity, component, fixedIn]);
    assert.deepEqual(short(parseTrivy(JSON.stringify(trivy), 'i')), [['CVE-1', 'CRITICAL', 'a 1', '2']]);
    assert.deepEqual(short(parseGrype(JSON.stringify(grype), 'i')), [['CVE-2', 'LOW', 'b 2', '3']]);
    assert.deepEqual(short(parseNpmAudit(JSON.stringify(audit))), [
      ['GHSA-x', 'MEDIUM', 'c <3', 'npm audit fix'],
    ]);
  });

  it('that gave no answer are not taken for clean', () => {
    for (const parse of [
      (text: string) => parseTrivy(text, 'i'),
      (text: string) => parseGrype(text, 'i'),
      parseNpmAudit,
    ]) {
      assert.equal(parse(''), undefined);
      assert.equal(parse('{"message":"405 Method Not Allowed"}'), undefined);
    }
    assert.deepEqual(parseNpmAudit('{"vulnerabilities":{}}'), []);
  });
});

describe('exceptions', () => {
  const finding = (id: string, severity: ScanFinding['severity'] = 'HIGH'): ScanFinding => ({
    ...{ id, severity, component: 'a 1', where: 'image', fixedIn: '' },
  });
  const exception = (id: string, expires: string) => ({ id, expires, reason: 'for this test alone' });

  it('count up to their last day, and not for others', () => {
    const findings = [finding('A'), finding('B', 'CRITICAL'), finding('C', 'MEDIUM'), finding('D')];
    const exceptions = [
      exception('A', '2026-05-01'),
      exception('B', '2026-04-30'),
      exception('E', '2027-01-01'),
    ];
    const judged = judgeFindings(findings, exceptions, '2026-05-01');
    assert.deepEqual(
      judged.failing.map(({ id }) => id),
      ['B', 'D'],
    );
    assert.deepEqual(
      judged.excepted.map((one) => one.finding.id),
      ['A'],
    );
    assert.deepEqual(
      judged.expired.map(({ id }) => id),
      ['B'],
    );
    assert.deepEqual(
      judged.unused.map(({ id }) => id),
      ['E'],
    );
  });

  it('each need an id, a reason and a day', () => {
    const table: [string, number, string[]][] = [
      ['- {id: A, reason: not reachable here, expires: 2026-05-01}', 1, []],
      [
        '- {id: A, reason: short, expires: soon}',
        0,
        ['A has no reason that explains it', 'A has no date "expires: YYYY-MM-DD"'],
      ],
      ['- {reason: not reachable here, expires: 2026-05-01}', 0, ['item 1 has no id']],
      ['a: b', 0, ['must be a list']],
      ['', 0, []],
      ['# nothing\n[]\n', 0, []],
    ];
    for (const [text, count, problems] of table) {
      const parsed = parseExceptions(text);
      assert.deepEqual([parsed.exceptions.length, parsed.problems], [count, problems], text);
    }
  });

  it('of this project are in order', () => {
    assert.deepEqual(
      parseExceptions(readFileSync(join(ROOT, 'deploy/scan-exceptions.yml'), 'utf8')).problems,
      [],
    );
  });
});

describe('a scanner on the PATH', () => {
  const sha256 = 'ab'.repeat(32);
  const file = (more: Partial<ScannerFile> = {}): ScannerFile => ({
    ...{ name: 'trivy', path: '/usr/local/bin/trivy', sha256, version: '0.72.0' },
    ...more,
  });

  it('is run when its checksum is the pinned one, and not without a pin or with another', () => {
    assert.equal(refuseScanner(file(), sha256.toUpperCase()), undefined);
    assert.match(
      refuseScanner(file(), '') ?? '',
      /trivy \(sha256 (ab){32}\) is not run: .*SCANNER_SHA256=(ab){32}/,
    );
    assert.match(refuseScanner(file(), 'cd'.repeat(32)) ?? '', /has the sha256 .* and SCANNER_SHA256 is cd/);
  });

  it('is refused when its release is known to be malicious, whatever is pinned', () => {
    for (const version of ['0.69.4', '0.69.5', '0.69.6'])
      assert.match(
        refuseScanner(file({ version }), sha256) ?? '',
        /known to be malicious \(CVE-2026-33634\)/,
      );
    for (const version of ['0.69.3', '0.70.0', ''])
      assert.equal(refuseScanner(file({ version }), sha256), undefined);
    assert.equal(refuseScanner(file({ name: 'grype', version: '0.69.4' }), sha256), undefined);
  });

  it('tells its version without being run', () => {
    const bytes = 'x\0-ldflags="-s -w -X=github.com/aquasecurity/trivy/pkg/version/app.ver=0.69.4"\0';
    assert.equal(findVersion(bytes), '0.69.4');
    assert.equal(findVersion('-X main.version=v0.90.1'), '0.90.1');
    assert.equal(findVersion('#!/bin/sh'), '');
  });

  it('is not even asked for its version before its checksum is right', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'scanner-'));
    const path = process.env.PATH;
    try {
      const ran = join(folder, 'ran');
      const script = `#!/bin/sh\ntouch ${ran}\necho Version: 0.72.0\n`;
      writeFileSync(join(folder, 'trivy'), script, { mode: 0o755 });
      process.env.PATH = `${folder}:${path}`;
      const right = createHash('sha256').update(script).digest('hex');
      assert.match(String(await findScanner('')), /is not run/);
      await assert.rejects(findScanner('cd'.repeat(32)), /has the sha256/);
      assert.ok(!existsSync(ran));
      const found = await findScanner(right);
      assert.ok(typeof found !== 'string');
      assert.equal(found.label, `trivy 0.72.0 (sha256 ${right.slice(0, 16)}…)`);
      writeFileSync(join(folder, 'trivy'), script.replace('0.72.0', '0.69.4'), { mode: 0o755 });
      const bad = createHash('sha256').update(script.replace('0.72.0', '0.69.4')).digest('hex');
      await assert.rejects(findScanner(bad), /known to be malicious/);
    } finally {
      process.env.PATH = path;
      rmSync(folder, { recursive: true });
    }
  });
});
