import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ROOT } from '../lib/process/root.ts';
import { $ } from '../lib/process/shell.ts';

describe('installing where no registry answers', () => {
  const files = [
    'package.json',
    'package-lock.json',
    '.npmrc',
    'backend/package.json',
    'frontend/package.json',
  ];
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'install-'));
    for (const path of [...files, 'scripts/install.cjs']) cpSync(join(ROOT, path), join(folder, path));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const install = (...flags: string[]) => {
    const env = {
      npm_config_registry: 'http://127.0.0.1:9',
      npm_config_cache: join(folder, 'cache'),
      npm_config_fetch_retry_mintimeout: '10',
    };
    return $({ cwd: folder, env, nothrow: true })`flock package-lock.json node scripts/install.cjs ${flags}`;
  };
  const fingerprint = () => {
    const hash = createHash('sha256');
    for (const path of files.slice(0, 2).concat(files.slice(3)))
      hash.update(readFileSync(join(folder, path)));
    return hash.digest('hex');
  };
  const putOldPackages = () => {
    mkdirSync(join(folder, 'node_modules/tsx'), { recursive: true });
    writeFileSync(join(folder, 'node_modules/tsx/package.json'), 'old');
  };
  const assertOldPackages = () => {
    assert.equal(readFileSync(join(folder, 'node_modules/tsx/package.json'), 'utf8'), 'old');
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('node_modules')),
      ['node_modules'],
    );
  };

  it('the old packages go on serving, with a warning, when the lock file is newer', async () => {
    putOldPackages();
    const { exitCode, stderr } = await install();
    assert.match(
      stderr,
      /^Installing packages \(about 10 s, as package-lock.json is newer\)\n[\s\S]*the ones that are here go on\n$/,
    );
    assert.equal(exitCode, 0);
    assertOldPackages();
  });

  it('the old packages come back when an installation was ended between its two renames', async () => {
    putOldPackages();
    renameSync(join(folder, 'node_modules'), join(folder, 'node_modules.old'));
    mkdirSync(join(folder, 'node_modules.next'));
    assert.equal((await install()).exitCode, 0);
    assertOldPackages();
  });

  it('a clone without packages is told so, with exit code 3', async () => {
    const { exitCode, stderr } = await install();
    assert.match(
      stderr,
      /^Installing packages \(about 10 s, once\)\n[\s\S]*✘ The packages cannot be installed\n/,
    );
    assert.equal(exitCode, 3);
    assert.equal(existsSync(join(folder, 'node_modules')), false);
  });

  it('what needs all packages fails where only those of operating a stack are here', async () => {
    putOldPackages();
    const { exitCode, stderr } = await install('--all');
    assert.match(stderr, /✘ The packages cannot be installed\n/);
    assert.equal(exitCode, 3);
    assertOldPackages();
  });

  it('an operating command keeps all packages where they are', async () => {
    putOldPackages();
    writeFileSync(join(folder, 'node_modules/.all'), '');
    writeFileSync(join(folder, 'node_modules/.installed'), fingerprint());
    const { exitCode, stderr } = await install();
    assert.deepEqual([exitCode, stderr], [0, '']);
    assert.equal((await install('--all')).stderr, '');
  });
});
