import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../lib/process/shell.ts';
import {
  assertNoBrokenFile,
  backupFolder,
  backupStack,
  findProcess,
  newest,
  randomFrom,
  readManifests,
} from './backup-support.ts';
import { startScript, type TestStack } from './harness.ts';

/** KG_HEAVY=1: a database of 1 GB and ten points each; by default a small one and a few. */
const HEAVY = process.env.KG_HEAVY === '1';
const ROWS = HEAVY ? 7_000_000 : 300_000;
const POINTS = HEAVY ? 10 : 2;

describe('restores and kills', { timeout: HEAVY ? 7_200_000 : 900_000 }, () => {
  let stack: TestStack;
  const seed = Number(process.env.KG_SEED || Date.now() % 2 ** 32);
  const random = randomFrom(seed);

  before(async () => {
    console.log(`KG_SEED=${seed}`);
    stack = await backupStack('restore', ROWS);
    await stack.mustScript('backup');
  });
  after(() => stack?.dispose());

  const count = () => stack.sql('SELECT count(*) FROM measured');
  const api = async () =>
    fetch(`http://127.0.0.1:${stack.settings.ports.backend}/api/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  const databases = () =>
    stack.sql(`SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname ~ 'kidney'`);
  const extraWritten = () => stack.sql('SELECT count(*) FROM measured WHERE id < 0');

  it('asks first, and changes nothing when nobody answers', async () => {
    const { exitCode, stdout, stderr } = await stack.script('restore', ['latest']);
    assert.equal(exitCode, 2);
    assert.match(stdout, new RegExp(`public.measured +${ROWS} +${ROWS} +same`));
    assert.match(stderr, /Nobody is there to ask/);
    assert.equal(await databases(), 'kidney_genetics');
  });

  it('puts the backup in the place of a database that a client writes to, and tells the page', async () => {
    let writing = true;
    let id = 0;
    const writer = (async () => {
      while (writing) {
        id -= 1;
        await stack.sql(`INSERT INTO measured VALUES (${id}, 'new', 'new')`).catch(() => undefined);
      }
    })();
    const listen = `const socket = new WebSocket('ws://${stack.name('frontend')}/ws/genes');
      socket.onmessage = ({ data }) => {
        const { type } = JSON.parse(data);
        console.log(type);
        if (type === 'resync') process.exit(0);
      };`;
    const node = [`${stack.name('backend')}:latest`, 'node', '--input-type=module', '-e', listen];
    const argv = ['docker', 'run', '--rm', '--name', `${stack.settings.prefix}-page`];
    const network = ['--network', `${stack.settings.prefix}-test`];
    const told = run([...argv, ...network, ...node], { timeoutMs: 300_000 });
    await sleep(2000);
    const said = await stack.mustScript('restore', ['latest', '--yes']);
    writing = false;
    await writer;
    assert.match(said, /measured +\d+ +\d+ +-?\d+/);
    const [, held = '', unit] = /held off for ([\d.]+) (ms|s)/.exec(said) ?? [];
    assert.ok(unit === 'ms' || Number(held) < 2, said);
    await stack.untilHealthy();
    assert.ok(await api(), 'the API came back by itself');
    assert.match((await told).stdout, /^hello\n([\s\S]*\n)?resync\n$/, 'clients read everything anew');
    const replaced = /kept as (\S+):/.exec(said)?.[1] ?? '';
    const former = await run([
      ...['docker', 'exec', stack.name('postgres'), 'psql', '-XqAt', '-U', 'postgres', '-d', replaced],
      ...['-c', 'SELECT count(*) FROM measured WHERE id < 0'],
    ]);
    assert.ok(Number(former.stdout) > 0, 'what was written before the swap is kept');
    assert.equal(await stack.sql('SELECT count(*) FROM measured WHERE id > 0'), String(ROWS));
    assert.match(
      await stack.sql(`SELECT string_agg(kind || ' ' || ok, ', ' ORDER BY kind) FROM operations_status`),
      /^backup true, restore true$/,
    );
  });

  it('keeps a token revoked that was revoked since the backup', async () => {
    await stack.sql(`INSERT INTO revoked_tokens (id) VALUES ('it''s "one"')`);
    await stack.mustScript('restore', ['latest', '--yes']);
    assert.equal(await stack.sql('SELECT id FROM revoked_tokens'), `it's "one"`);
    await stack.mustScript('restore', ['--undo', '--yes']);
  });

  it('keeps owner, privileges and settings of the database', async () => {
    assert.equal(
      await stack.sql(`SELECT pg_get_userbyid(datdba) || ' ' || has_database_privilege('public', oid, 'CONNECT')
        FROM pg_database WHERE datname = 'kidney_genetics'`),
      'kidney_user false',
    );
    assert.equal(
      await stack.sql(`SELECT tableowner FROM pg_tables WHERE tablename = 'measured'`),
      'kidney_user',
    );
  });

  it('swaps back, and back again', async () => {
    const restored = await extraWritten();
    await stack.mustScript('restore', ['--undo', '--yes']);
    assert.notEqual(await extraWritten(), restored);
    await stack.mustScript('restore', ['--undo', '--yes']);
    assert.equal(await extraWritten(), restored);
    await stack.untilHealthy();
  });

  it('drops what was replaced when told', async () => {
    assert.match(await stack.mustScript('restore', ['--drop-replaced', '--yes']), /2 removed/);
    assert.equal(await databases(), 'kidney_genetics');
    assert.match((await stack.script('restore', ['--undo', '--yes'])).stderr, /No replaced database is kept/);
  });

  /** Kills something while a script runs, after a part of the time that the script takes. */
  const killDuring = async (
    script: string,
    args: readonly string[],
    usualMs: number,
    kill: (child: number) => Promise<void>,
  ): Promise<void> => {
    const started = startScript(stack, script, args);
    await sleep(random() * usualMs);
    await kill(started.child.pid ?? 0);
    await started.ended;
  };
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const startedAt = Date.now();
    await work();
    return Date.now() - startedAt;
  };
  const killHard = (pid: number | undefined) => {
    try {
      if (pid) process.kill(pid, 'SIGKILL');
    } catch (error) {
      // It was faster than we.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };

  it(`leaves no broken file when the script is killed (${POINTS} points)`, async () => {
    await stack.sql('DELETE FROM measured WHERE id < 0');
    const usual = await timed(() => stack.mustScript('backup'));
    for (let point = 0; point < POINTS; point += 1) {
      await killDuring('backup', [], usual, async (pid) => killHard(pid));
      assertNoBrokenFile(backupFolder(stack));
    }
  });

  it(`leaves no broken file when pg_dump is killed (${POINTS} points)`, async () => {
    for (let point = 0; point < POINTS; point += 1) {
      let code: number | null = 0;
      // A dump that was done before the signal came proves nothing: another one is killed.
      for (let tries = 0; code === 0 && tries < 12; tries += 1) code = await killDump();
      assert.equal(code, 1);
      assert.equal(await count(), String(ROWS));
    }
  });

  /** Begins a backup and kills its pg_dump at some moment; gives the backup's exit code. */
  const killDump = async (): Promise<number | null> => {
    const { ended } = startScript(stack, 'backup');
    const over = ended.then(() => true);
    const isOver = () => Promise.race([over, sleep(20, false)]);
    let found: number | undefined;
    while (!found && !(await isOver())) found = await findProcess(stack.name('postgres'), 'pg_dump');
    if (found) {
      await sleep(random() * 200);
      killHard(found);
    }
    const code = await ended;
    assertNoBrokenFile(backupFolder(stack));
    return code;
  };

  it(`leaves no broken file when the server is killed (${POINTS} points)`, async () => {
    for (let point = 0; point < POINTS; point += 1) {
      const { id } = await stack.container('postgres');
      const { stdout } = await run(['docker', 'inspect', '--format', '{{.State.Pid}}', id]);
      await killDuring('backup', [], 4000, async () => killHard(Number(stdout)));
      assertNoBrokenFile(backupFolder(stack));
      await stack.untilHealthy();
      assert.equal(await count(), String(ROWS));
    }
  });

  it(`leaves the live database in its place when a restore is killed (${POINTS} points)`, async () => {
    await stack.mustScript('backup');
    const usual = await timed(() => stack.mustScript('restore', ['latest', '--yes']));
    for (let point = 0; point < POINTS; point += 1) {
      await killDuring('restore', ['latest', '--yes'], usual, async (pid) => killHard(pid));
      assert.equal(await count(), String(ROWS));
    }
    await stack.mustScript('restore', ['latest', '--yes']);
    await stack.mustScript('restore', ['--drop-replaced', '--yes']);
    assert.equal(await databases(), 'kidney_genetics');
    await stack.untilHealthy();
  });

  it('passes every drill after all that', async () => {
    await stack.mustScript('backup');
    assertNoBrokenFile(backupFolder(stack));
    // One by one: a command of its own has its own time.
    const all = readManifests(backupFolder(stack)).map(({ file }) => file);
    for (const file of HEAVY ? all : ['latest']) await stack.mustScript('backup', ['--verify', file]);
    assert.equal(newest(stack).drill?.ok, true);
    assert.equal(
      await stack.sql(
        `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kidney-genetics-backup'`,
      ),
      '0',
    );
  });
});
