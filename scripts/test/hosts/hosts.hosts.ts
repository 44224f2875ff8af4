import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { resolveBases } from '../../lib/images/base-images.ts';
import { TEST_PREFIX } from '../e2e/harness.ts';
import { Host, loadBases, removeHostImages, saveBases } from './host.ts';
import { HOSTS } from './kinds.ts';

/** Run on each host by the Node that it has. */
const WALK = ['scripts/test/hosts/walk.ts', 'scripts/test/e2e/first-start.e2e.ts'];

describe('hosts', { timeout: 4 * 3_600_000 }, () => {
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), `${TEST_PREFIX}-hosts-`));
    await saveBases(await resolveBases(), join(folder, 'bases.tar'));
  });
  after(async () => {
    await removeHostImages();
    rmSync(folder, { recursive: true, force: true });
  });

  // HOSTS=debian-13 tries one alone.
  for (const kind of HOSTS.filter(({ name }) => !process.env.HOSTS || name === process.env.HOSTS)) {
    describe(kind.name, () => {
      let host: Host;

      before(async () => {
        host = await Host.start(kind, folder);
      });
      after(() => host?.stop());

      it('gets its engine, and builds on bases as the official ones are', async (t) => {
        t.diagnostic(await host.must(['make', 'host-setup']));
        const engine = await host.describeEngine();
        assert.match(engine, kind.engine);
        t.diagnostic(engine);
        await loadBases(host, '/shared/bases.tar');
        await host.must(['make', 'prod-build']);
      });

      for (const file of WALK) {
        it(`passes ${file}`, async (t) => {
          const printed = await host.must([
            'node',
            '--import',
            'tsx',
            '--test',
            '--test-reporter=spec',
            file,
          ]);
          for (const line of printed.split('\n')) t.diagnostic(line);
        });
      }
    });
  }
});
