import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commandArgv } from '../../lib/process/command.ts';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { TEST_PREFIX } from '../e2e/harness.ts';

/**
 * The kit deploys another app: a copy of the checkout, the renaming of docs/adapting.md as it is written there, and the notes
 * of scripts/test/second-app in the places of page, API and contract. Not part of `make test`, for the minutes that it takes:
 * node --import tsx --test scripts/test/slow/second-app.slow.ts
 */
const PREFIX = `${TEST_PREFIX}-second`;
const NETWORK = `${PREFIX}-proxy`;
const SECOND = join(ROOT, 'scripts/test/second-app');
const HINT = 'see the output above';

describe('a second app', { timeout: 1_800_000 }, () => {
  let copy: string;
  let env: Record<string, string>;

  /** Runs a script of the copy, which has to succeed. */
  const kit = async (name: string, ...args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await run(commandArgv(name, args), { cwd: copy, env });
    assert.equal(exitCode, 0, `${name} ${args.join(' ')}\n${stdout}${stderr}`);
    return stdout;
  };
  const sql = (statement: string): Promise<string> =>
    mustRun(
      [
        'docker',
        'exec',
        `${PREFIX}-postgres`,
        'psql',
        '-XqAt',
        '-U',
        'postgres',
        '-d',
        'acme_notes',
        '-c',
        statement,
      ],
      HINT,
    );
  const countNotes = async (): Promise<number> => Number(await sql('select count(*) from notes'));
  const place = (from: string, to: string): void => {
    mkdirSync(dirname(join(copy, to)), { recursive: true });
    cpSync(join(SECOND, from), join(copy, to));
  };
  const names = async (): Promise<string[]> => {
    const { stdout } = await run([
      'docker',
      'ps',
      '-a',
      '--filter',
      `name=^/${PREFIX}-`,
      '--format',
      '{{.Names}}',
    ]);
    return stdout.split('\n').filter(Boolean);
  };

  const clean = async (): Promise<void> => {
    const left = await names();
    if (left.length > 0) await run(['docker', 'rm', '--force', '--volumes', ...left]);
    const networks = await run(['docker', 'network', 'ls', '-q', '--filter', `name=^${PREFIX}-`]);
    await run(['docker', 'network', 'rm', ...networks.stdout.split('\n').filter(Boolean)]);
    await run(['docker', 'volume', 'rm', `${PREFIX}-postgres-data`]);
    const images = await run(['docker', 'image', 'ls', '--format', '{{.Repository}}:{{.Tag}}']);
    const ours = images.stdout.split('\n').filter((name) => name.startsWith(`${PREFIX}-`));
    if (ours.length > 0) await run(['docker', 'rmi', ...ours]);
  };

  before(async () => {
    await clean();
    copy = mkdtempSync(join(tmpdir(), `${PREFIX}-`));
    env = {
      STACK_PREFIX: PREFIX,
      NPM_NETWORK: NETWORK,
      ENV_FILE: join(copy, '.env.production'),
      BACKUP_DIR: join(copy, 'backups'),
    };
    const files = (
      await mustRun(['git', 'ls-files', '--cached', '--others', '--exclude-standard', '-z'], HINT, {
        cwd: ROOT,
      })
    ).split('\0');
    for (const file of files.filter(Boolean)) cpSync(join(ROOT, file), join(copy, file));
    const git = (...args: readonly string[]) =>
      mustRun(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], HINT, { cwd: copy });
    await git('init', '--quiet');
    await git('add', '--all');
    const [renaming = ''] =
      /git ls-files -z[\s\S]*?(?=\nmake )/.exec(readFileSync(join(ROOT, 'docs/adapting.md'), 'utf8')) ?? [];
    assert.match(renaming, /sed -i/);
    await mustRun(['bash', '-c', renaming], HINT, { cwd: copy });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    for (const folder of ['backend/migrations', 'frontend/src'])
      rmSync(join(copy, folder), { recursive: true });
    place('server.ts', 'backend/src/server.ts');
    place('001_notes.sql', 'backend/migrations/001_notes.sql');
    place('index.html', 'frontend/index.html');
    place('vite.config.ts', 'frontend/vite.config.ts');
    place('main.ts', 'frontend/src/main.ts');
    const contract = readFileSync(join(SECOND, 'contract.ts'), 'utf8').replace('../../lib/app/', './');
    writeFileSync(join(copy, 'scripts/lib/app/contract.ts'), contract);
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'Notes');
  });
  after(async () => {
    await clean();
    rmSync(copy, { recursive: true, force: true });
  });

  it('is built and deployed, and is healthy', async () => {
    await kit('prod-env');
    await kit('build');
    await kit('npm-network', 'create');
    assert.match(await kit('up'), /All healthy/);
    assert.equal(await countNotes(), 20);
    await kit('health');
  });

  it('is updated with no request dropped, and goes back', async () => {
    const image = `${PREFIX}-backend:latest`;
    const input = `FROM ${image}\nLABEL org.opencontainers.image.revision=second\nENV APP_REVISION=second SECOND=1\n`;
    await mustRun(['docker', 'build', '--tag', image, '-'], HINT, { input });
    const code = `let [good, bad] = [0, []]; process.on('SIGTERM', () => { console.log(JSON.stringify({ good, bad })); process.exit(0); });
      for (;;) { try { const a = await fetch('http://${PREFIX}-frontend/api/v1/notes', { headers: { connection: 'close' } }); await a.text();
        if (a.status === 200) good += 1; else bad.push(a.status); } catch (e) { bad.push(String(e.cause ?? e)); } await new Promise((r) => setTimeout(r, 50)); }`;
    const users = `${PREFIX}-users`;
    await mustRun(
      [
        'docker',
        'run',
        '--detach',
        '--init',
        '--name',
        users,
        '--network',
        NETWORK,
        image,
        'node',
        '--input-type=module',
        '-e',
        code,
      ],
      HINT,
    );
    await kit('update', '--no-build');
    await kit('rollback');
    await mustRun(['docker', 'stop', users], HINT);
    const { stdout } = await run(['docker', 'logs', users]);
    const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { good: number; bad: unknown[] };
    assert.deepEqual(report.bad, []);
    assert.ok(report.good > 100, `${report.good} requests`);
  });

  it('is backed up, and restored to that', async () => {
    await kit('backup');
    await sql('delete from notes');
    await kit('restore', 'latest', '--yes');
    assert.equal(await countNotes(), 20);
  });

  it('has its secrets rotated while it runs, and proves both keys', async () => {
    const before = readFileSync(env.ENV_FILE ?? '', 'utf8');
    await kit('rotate-secrets');
    assert.notEqual(readFileSync(env.ENV_FILE ?? '', 'utf8'), before);
    await kit('health');
  });

  it('is verified', async () => {
    await kit('verify');
  });
});
