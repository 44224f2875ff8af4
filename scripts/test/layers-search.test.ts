import assert from 'node:assert/strict';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { mustRun, run } from '../lib/process/shell.ts';
import { searchArchive } from '../lib/verify/gather/search.ts';

const NEEDLES = [{ key: 'SECRET_KEY', value: 'a-secret-that-is-long-enough' }];

/** What `docker save` writes: a tar archive of layers. */
describe('the search for secrets in layers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'layers-'));
  after(() => rmSync(folder, { recursive: true }));

  async function save(name: string, content: string, compress: readonly string[]): Promise<string> {
    const [secret, layer, archive] = [
      join(folder, 'secret'),
      join(folder, 'layer'),
      join(folder, `${name}.tar`),
    ];
    // Large enough that it comes in several pieces.
    writeFileSync(secret, `${Array.from({ length: 40_000 }, (_, at) => at).join(' ')} ${content}`);
    await mustRun(['tar', ...compress, '-cf', layer, '-C', folder, 'secret'], 'see tar');
    await mustRun(['tar', '-cf', archive, '-C', folder, 'layer'], 'see tar');
    return archive;
  }

  const search = async (file: string) => (await searchArchive(createReadStream(file), NEEDLES)).found;

  for (const [name, compress] of [
    ['plain', []],
    ['gzip', ['--gzip']],
    ['zstd', ['--zstd']],
  ] as const) {
    it(`finds one in a layer: ${name}`, async () => {
      if (name === 'zstd' && (await run(['which', 'zstd'])).exitCode !== 0) {
        const file = join(folder, 'without-zstd.tar');
        writeFileSync(join(folder, 'layer'), Buffer.from('28b52ffd0400', 'hex'));
        await mustRun(['tar', '-cf', file, '-C', folder, 'layer'], 'see tar');
        await assert.rejects(search(file), /compressed with zstd and was not searched.*apt-get install zstd/);
        return;
      }
      assert.deepEqual(await search(await save(name, NEEDLES[0]?.value ?? '', compress)), ['SECRET_KEY']);
      assert.deepEqual(await search(await save(`${name}-clean`, 'nothing', compress)), []);
    });
  }

  it('says of a layer that is broken that it was not searched', async () => {
    const file = join(folder, 'broken.tar');
    writeFileSync(join(folder, 'layer'), Buffer.from('28b52ffdffffffffffff', 'hex'));
    await mustRun(['tar', '-cf', file, '-C', folder, 'layer'], 'see tar');
    await assert.rejects(search(file), /compressed with zstd and was not searched/);
  });
});
