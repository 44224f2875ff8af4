import assert from 'node:assert/strict';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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

  for (const format of ['gnu', 'pax', 'ustar']) {
    it(`reads archives of the format ${format}, files with long names among them`, async () => {
      const name = join('d'.repeat(90), 'f'.repeat(90));
      mkdirSync(join(folder, dirname(name)), { recursive: true });
      writeFileSync(join(folder, name), 'x'.repeat(513));
      writeFileSync(join(folder, 'secret'), NEEDLES[0]?.value ?? '');
      const file = join(folder, `${format}.tar`);
      await mustRun(['tar', `--format=${format}`, '-cf', file, '-C', folder, name, 'secret'], 'see tar');
      assert.deepEqual(await search(file), ['SECRET_KEY']);
    });
  }

  it('takes the size of a file from its pax header where that says it', async () => {
    writeFileSync(join(folder, 'secret'), NEEDLES[0]?.value ?? '');
    const file = join(folder, 'sized.tar');
    await mustRun(['tar', '--format=pax', '--pax-option=mtime:=1', '-cf', file, '-C', folder, 'secret'], '');
    const bytes = readFileSync(file);
    // Its first record becomes one of the size, and the file's own field says nothing.
    bytes.write('11 size=28\n', 512);
    const own = bytes.subarray(1024, 1536);
    own.fill('0', 124, 135);
    const sum = Buffer.from(own)
      .fill(' ', 148, 156)
      .reduce((total, byte) => total + byte, 0);
    own.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    writeFileSync(file, bytes);
    assert.deepEqual(await search(file), ['SECRET_KEY']);
  });

  it('refuses half an archive, and what is none', async () => {
    const whole = readFileSync(await save('whole', 'nothing', []));
    writeFileSync(join(folder, 'half.tar'), whole.subarray(0, 5000));
    await assert.rejects(search(join(folder, 'half.tar')), /the archive is cut off/);
    writeFileSync(join(folder, 'none.tar'), 'x'.repeat(1024));
    await assert.rejects(search(join(folder, 'none.tar')), /this is no tar archive/);
  });
});
