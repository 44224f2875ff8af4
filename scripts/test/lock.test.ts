import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { lockPath, lockStack, openLock } from '../lib/process/lock.ts';
import { ROOT } from '../lib/process/root.ts';
import { $, openPipe, type PipedProcess } from '../lib/process/shell.ts';

const HOLD = `import { lockStack } from './scripts/lib/process/lock.ts';
  try {
    lockStack(process.argv[1], 'make prod-update');
    console.log('held');
    setInterval(() => undefined, 1000);
  } catch (error) { console.log(error.message); }`;

const isRoot = process.geteuid?.() === 0;
let counter = 0;

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

/** A lock of this test's own; what it left is removed. */
function lockOf(t: TestContext): { prefix: string; path: string } {
  counter += 1;
  const prefix = `kgt-lock-${process.pid}-${counter}`;
  const path = lockPath(prefix);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return { prefix, path };
}

/** A process that takes the lock, and what it said of it. */
async function startHolder(t: TestContext, prefix: string): Promise<{ holder: PipedProcess; said: string }> {
  const holder = openPipe([process.execPath, '--import', 'tsx', '--input-type=module', '-e', HOLD, prefix], {
    cwd: ROOT,
  });
  t.after(() => holder.kill('SIGKILL'));
  const { value } = await createInterface(holder.stdout)[Symbol.asyncIterator]().next();
  return { holder, said: String(value) };
}

describe('the lock of a stack', () => {
  it('names who has it since when to the second one, and is free once that is dead', async (t) => {
    const { prefix, path } = lockOf(t);
    const { holder, said } = await startHolder(t, prefix);
    assert.equal(said, 'held');
    assert.match(
      (await startHolder(t, prefix)).said,
      /^make prod-update \(pid \d+, \S+\) has been changing kgt-lock-\S+ since \d{4}-\d\d-\d\dT/,
    );
    holder.kill('SIGKILL');
    await holder.ended;
    assert.match(readFileSync(path, 'utf8'), /^make prod-update/, 'the dead one could not tidy up');
    assert.equal((await startHolder(t, prefix)).said, 'held');
  });

  it('is not kept by what a dead command has started', async (t) => {
    const { prefix } = lockOf(t);
    lockStack(prefix, 'make prod-up');
    const { stdout } = await $`ls -l /proc/self/fd`;
    assert.doesNotMatch(stdout, /\.lock/);
  });

  it('is a file and a folder for the owner of the checkout alone, under any umask', (t) => {
    const folder = join(temporary(t), 'a/locks');
    const umask = process.umask(0);
    openLock(join(folder, 'x.lock'), process.geteuid?.() ?? 0);
    process.umask(umask);
    const modes = [join(folder, 'x.lock'), folder, dirname(folder)].map(modeOf);
    assert.deepEqual(modes, ['600', '700', '700']);
  });

  if (isRoot) {
    it("is the checkout owner's, also when root takes it first", (t) => {
      const folder = join(temporary(t), 'a/locks');
      openLock(join(folder, 'x.lock'), 4242);
      const owners = [join(folder, 'x.lock'), folder, dirname(folder)].map((path) => statSync(path).uid);
      assert.deepEqual(owners, [4242, 4242, 4242]);
    });

    it('lies where another user of the host can put, read and remove nothing', async (t) => {
      const folder = temporary(t);
      chmodSync(folder, 0o755);
      const path = join(folder, 'state/locks/x.lock');
      openLock(path, 4242);
      const tries = [
        `mkfifo ${path}.fifo`,
        `ln -s /etc/passwd ${path}.link`,
        `ln ${folder}/theirs ${path}.hard`,
        `cat ${path}`,
        `echo 'init (pid 1, root)' > ${path}`,
        `rm -f ${path} && ! test -e ${path}`,
        `mv ${folder}/state ${folder}/gone`,
        `chmod 777 ${dirname(path)}`,
      ];
      for (const attempt of tries) {
        const other = $({ nothrow: true })`setpriv --reuid 4243 --regid 4243 --clear-groups sh -c ${attempt}`;
        assert.notEqual((await other).exitCode, 0, attempt);
      }
      assert.equal(statSync(path).uid, 4242);
    });
  }

  for (const text of ['', 'init (pid 1, root)\n2026-01-01T00:00:00Z\n', '{"pid":1}', '\u0000'.repeat(1e5)]) {
    it(`is free whatever its file says: ${JSON.stringify(text).slice(0, 30)}`, (t) => {
      const { prefix, path } = lockOf(t);
      writeFileSync(path, text, { mode: 0o600 });
      lockStack(prefix, 'make prod-up');
      assert.throws(() => lockStack(prefix, 'make prod-up'), /^DescribedError: make prod-up \(pid \d+/);
    });
  }

  it('shows nothing of its file that moves, colours or fills the terminal', (t) => {
    const { prefix, path } = lockOf(t);
    lockStack(prefix, 'make prod-up');
    writeFileSync(path, `\u001b[31mroot\u001b]0;x\u0007\r\u202e${'long '.repeat(1000)}\n\u001b[2Jnow\n`);
    assert.throws(
      () => lockStack(prefix, 'make prod-up'),
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none is what is asserted
      ({ message }: Error) => !/[\u0000-\u001f\u007f-\u009f\u202e]/.test(message) && message.length < 300,
    );
  });

  const traps: [what: string, lay: (path: string) => unknown][] = [
    ['a FIFO', (path) => $`mkfifo ${path}`],
    ['a symbolic link to a file', (path) => symlinkSync(join(ROOT, 'package.json'), path)],
    ['a symbolic link to nothing', (path) => symlinkSync(`${path}.victim`, path)],
    ['a folder', (path) => mkdirSync(path)],
    [
      'another name of a file',
      (path) => {
        writeFileSync(`${path}.x`, 'theirs');
        linkSync(`${path}.x`, path);
      },
    ],
  ];
  const trapsOfRoot: typeof traps = [
    ['a device', (path) => $`mknod ${path} c 1 3`],
    [
      'a file of another user',
      (path) => {
        writeFileSync(path, 'theirs');
        chownSync(path, 65534, 65534);
      },
    ],
  ];
  for (const [what, lay] of isRoot ? [...traps, ...trapsOfRoot] : traps) {
    it(`refuses ${what} and neither waits for it nor touches it`, { timeout: 20_000 }, async (t) => {
      const { prefix, path } = lockOf(t);
      t.after(() => rmSync(`${path}.x`, { force: true }));
      const before = statSync(join(ROOT, 'package.json')).size;
      await lay(path);
      const { said } = await startHolder(t, prefix);
      assert.match(said, /^The lock \S+ (is no file|belongs to another user).*: somebody else put it there$/);
      assert.equal(statSync(join(ROOT, 'package.json')).size, before);
      assert.equal(statSync(`${path}.victim`, { throwIfNoEntry: false }), undefined, 'nothing was made');
    });
  }

  it('refuses a folder that others can write', (t) => {
    const folder = temporary(t);
    chmodSync(folder, 0o777);
    assert.throws(
      () => openLock(join(folder, 'x.lock'), process.geteuid?.() ?? 0),
      /can be written by others/,
    );
  });
});
