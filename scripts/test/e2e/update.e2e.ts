// Alone: users ask all the time, and what they meet must be due to the update.
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { listContainers } from '../../lib/docker/containers.ts';
import { IMAGES, type ImageName } from '../../lib/images/build-argv.ts';
import { commandArgv } from '../../lib/process/command.ts';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun } from '../../lib/process/shell.ts';
import { listStack } from '../../lib/stack/containers.ts';
import { startScript, TestStack, until } from './harness.ts';
import { npmLikeName, startNpmLike } from './npm-like.ts';
import { findWideRows, printOnTerminal } from './terminal.ts';
import { changeImage, UpdateUsers } from './update-users.ts';

const HINT = 'see above';
/** More rounds and more load. */
const HEAVY = process.env.KG_HEAVY === '1';
/** How long the container that was replaced lives on after its update: proxies may still know its address. */
const LEAVES_MS = 40_000;

/** Commands that print tables of a stack. */
const TABLES: readonly (readonly [string, ...string[]])[] = [
  ['health'],
  ['history'],
  ['images'],
  ['stack-list'],
  ['backup', '--list'],
  ['backup', '--prune', '--dry-run'],
  ['api-token', '--list'],
  ['npm-network', 'check'],
  ['base-images'],
  ['verify', '--list'],
  ['watch', '--once'],
];

describe('updates and the way back', { timeout: 1_200_000 }, () => {
  let stack: TestStack;
  let users: UpdateUsers;

  before(async () => {
    stack = await TestStack.create('upd');
    users = new UpdateUsers(stack);
    stack.setEnv('ALLOWED_HOSTS', `localhost,127.0.0.1,${npmLikeName(stack)}`);
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
    await startNpmLike(stack);
  });
  after(() => stack?.dispose());

  const image = (name: string): string => `${stack.settings.prefix}-${name}:latest`;

  /** As on the host where they were built; here they are gone then. */
  const saveImages = async (name: string, ...saved: readonly ImageName[]): Promise<string> => {
    const file = `${stack.tmp}/${name}`;
    const tags = saved.map(image);
    await mustRun(['docker', 'save', '--output', file, ...tags], HINT);
    await mustRun(['docker', 'rmi', ...tags], HINT);
    return file;
  };

  const change = (name: string, revision: string, more?: string) => changeImage(stack, name, revision, more);

  const ids = async (): Promise<string[]> => (await listStack(stack.settings)).map(({ id }) => id);
  const names = async (): Promise<string[]> => {
    const all = await listContainers(`label=com.docker.compose.project=${stack.settings.prefix}`);
    return all.map(({ name }) => name).sort();
  };
  const own = (): string[] =>
    ['backend', 'frontend', 'postgres'].map((name) => `${stack.settings.prefix}-${name}`);
  const revisions = async (): Promise<string[]> =>
    (await listStack(stack.settings)).map(({ revision }) => revision).slice(0, 2);

  it('lose no request, no WebSocket and no change: an update, one that fails, and the way back', async (t) => {
    await change('backend', 'first');
    await change('frontend', 'first');
    await stack.mustScript('update', ['--no-build']);
    await users.start(HEAVY ? { rate: 195, sockets: 200 } : { rate: 45, sockets: 60 });
    for (let round = 0; round < (HEAVY ? 2 : 1); round += 1) {
      await change('backend', `second${round}`);
      await change('frontend', `second${round}`);
      const release = await saveImages('release.tar', ...IMAGES);
      tell(t, 'update', await stack.mustScript('update', ['--images', release]));
      assert.deepEqual(await revisions(), [`second${round}`, `second${round}`]);
    }
    assert.match(
      await stack.mustScript('up'),
      /Already up and unchanged/,
      'what stands is what prod-up would have made',
    );
    await until('what was replaced is gone', LEAVES_MS, async () => (await names()).length === 3);

    const before = await ids();
    const good = (
      await mustRun(['docker', 'image', 'inspect', '-f', '{{.Id}}', image('backend')], HINT)
    ).trim();
    await change(
      'backend',
      'broken',
      `CMD ["node", "-e", "console.log('this one hangs'); setInterval(() => {}, 1e6)"]`,
    );
    const failed = await stack.script('update', ['--no-build', '--timeout', '6']);
    assert.equal(failed.exitCode, 1);
    assert.match(failed.stderr, /The next backend was removed, and the current one goes on/);
    assert.match(failed.stderr, /this one hangs/, 'its last lines are shown');
    assert.deepEqual([await ids(), await names()], [before, own()], 'nothing was touched');
    await mustRun(['docker', 'tag', good, image('backend')], HINT);

    const beganAt = Date.now();
    tell(t, 'rollback', await stack.mustScript('rollback', HEAVY ? ['first'] : []));
    t.diagnostic(`rollback took ${((Date.now() - beganAt) / 1000).toFixed(1)} s`);
    assert.deepEqual(await revisions(), ['first', 'first']);
    // Users go on until what was replaced is gone and has sent its WebSockets away, and some seconds more.
    await until('what was replaced is gone', LEAVES_MS, async () => (await names()).length === 3);
    await sleep(HEAVY ? 20_000 : 5_000);

    const report = await users.end();
    t.diagnostic(JSON.stringify(report));
    assert.deepEqual(report.outcomes, {}, `of ${report.requests} requests some were not answered`);
    assert.ok(report.requests > (HEAVY ? 20_000 : 1000), `${report.requests} requests`);
    assert.ok(report.writes > 50, `${report.writes} writes`);
    assert.equal(report.open, report.sockets, 'every WebSocket is open again');
    assert.ok(report.cameBack >= report.sockets, 'every WebSocket was sent away');
    assert.ok(report.longestAwayMs < 5000, `${report.longestAwayMs} ms away`);
    assert.deepEqual([report.missed, report.resyncs], [0, 0], 'every page was told every change');
    assert.deepEqual(Object.keys(report.closes), ['1012 service restart'], 'each was told why');
  });

  it('prod-up starts what is deployed, not what was built, and says that something else is there', async () => {
    await stack.mustScript('down');
    const said = await stack.mustScript('up');
    assert.match(said, /another build is here: make prod-update/);
    assert.deepEqual(await revisions(), ['first', 'first']);
    // The database's image is still that of before the updates.
    await stack.mustScript('verify', ['--only', 'image-revision,image-current']);
  });

  it('write down who deployed what, and list what is there', async () => {
    const history = JSON.parse(await stack.mustScript('history', ['--json'])) as {
      command: string;
      outcome: string;
      who: string;
    }[];
    const steps = history.map(({ command, outcome }) => `${command.split(' ')[1]} ${outcome}`);
    assert.deepEqual(
      [...new Set(steps)],
      ['prod-up done', 'prod-update done', 'prod-update failed', 'prod-rollback done'],
    );
    assert.ok(history.every(({ who }) => who !== ''));
    assert.match(
      await stack.mustScript('history'),
      /prod-update .*broken.* failed .*The next backend was removed/,
    );
    assert.match(await stack.mustScript('images'), /-first-[0-9a-f]{6} .* ago +\S.* ago +runs\n/);
  });

  it('print tables that fit terminals of 80, 100 and 200 columns, as do all that tell of a stack', async () => {
    await stack.mustScript('api-token', ['--name', 'Ada Lovelace of the Institute of Rare Kidney Diseases']);
    for (const columns of [80, 100, 200]) {
      const printed = await Promise.all(
        TABLES.map(async ([name, ...args]) => {
          const lines = await printOnTerminal(columns, commandArgv(name, args), stack.env);
          assert.ok(lines.length > 2, `${name}: ${lines.join('|')}`);
          return findWideRows(lines, columns).map((line) => `${name}: ${line}`);
        }),
      );
      assert.deepEqual(printed.flat(), [], `${columns} columns`);
    }
  });

  it('leave alone what holds the same, whatever its labels, and say before what they would do', async (t) => {
    const before = await listStack(stack.settings);
    const labels = 'LABEL org.opencontainers.image.revision=third\nENV APP_REVISION=third';
    for (const half of ['backend', 'frontend'] as const) {
      const deployed =
        before.find(({ service }) => service === `kidney-genetics-${half}-service`)?.image ?? '';
      await mustRun(['docker', 'build', '-t', image(half), '-'], HINT, {
        input: `FROM ${deployed}\n${labels}\n`,
      });
    }
    assert.match(
      await stack.mustScript('update', ['--plan']),
      /goes on\n.*none\n.*stays\n.*backend +stays.*\n.*frontend +stays/,
    );
    await stack.mustScript('update', ['--no-build', '--no-backup']);
    assert.deepEqual(
      await ids(),
      before.map(({ id }) => id),
      'labels are no content',
    );

    await change('frontend', 'fourth');
    assert.match(
      await stack.mustScript('update', ['--plan']),
      /backup +none\n.*\n.*backend +stays.*\n.*frontend +is replaced/,
    );
    assert.deepEqual(
      await ids(),
      before.map(({ id }) => id),
      'a plan changes nothing',
    );
    const beganAt = Date.now();
    await stack.mustScript('update', ['--no-build']);
    t.diagnostic(`a page alone took ${((Date.now() - beganAt) / 1000).toFixed(1)} s`);
    const after = await listStack(stack.settings);
    const replaced = after.filter(({ id }) => !before.some((one) => one.id === id));
    assert.deepEqual(
      replaced.map(({ name }) => name),
      [stack.name('frontend')],
    );
    assert.match(await stack.mustScript('up'), /Already up and unchanged/);
    assert.deepEqual(await names(), own(), 'prod-up has waited until the former one was gone');
  });

  it('give back the names of images that were removed while they run, and find the way back', async () => {
    const [backend] = await listStack(stack.settings);
    await mustRun(['docker', 'rmi', '-f', backend?.image ?? ''], HINT);
    await stack.mustScript('up');
    await mustRun(['docker', 'image', 'inspect', backend?.image ?? ''], HINT);
    await stack.mustScript('rollback');
    assert.deepEqual(await revisions(), ['first', 'first']);
  });

  it('go on to their end when whoever reads their output has gone', async () => {
    await change('frontend', 'fifth');
    const argv = commandArgv('update', ['--no-build', '--no-backup'])
      .map((word) => `'${word}'`)
      .join(' ');
    await mustRun(['bash', '-c', `${argv} | head -1; exit \${PIPESTATUS[0]}`], HINT, {
      cwd: ROOT,
      env: stack.env,
    });
    await until('what was replaced is gone', LEAVES_MS, async () => (await names()).length === 3);
    assert.deepEqual(await names(), own());
    await stack.mustScript('rollback');
  });

  it('carry on when they were killed at the worst moment, and prod-up does as well', async () => {
    // Both halves are replaced: once the backend leaves, the frontend's turn takes many seconds more.
    await change('backend', 'sixth');
    await change('frontend', 'sixth');
    const { child, ended, said } = startScript(stack, 'update', ['--no-build', '--no-backup']);
    await until('the current backend was told to leave', 120_000, async () =>
      /backend: the current one finishes what it has begun/.test(said()),
    );
    await sleep(500);
    child.kill('SIGKILL');
    await ended;
    const up = await stack.script('up');
    assert.equal(up.exitCode, 0, up.stderr);
    assert.match(up.stderr, /make prod-update to \S+ was interrupted: bringing \S+-first-\S+ up/);
    assert.deepEqual(await names(), own());
    assert.deepEqual(await revisions(), ['first', 'first']);
    const { stdout } = await stack.nodeOn(
      stack.settings.network,
      `const { headers } = await fetch('http://${stack.name('backend')}:8000/api/health');
       console.log(headers.get('x-leaving'));`,
    );
    assert.equal(stdout.trim(), 'null', 'the backend does not leave any more');
  });

  it('refuse a migration that the running version cannot live with', async () => {
    await change(
      'backend',
      'breaking',
      'COPY <<EOF /app/migrations/900_drop.sql\nalter table genes drop column band;\nEOF',
    );
    const before = await ids();
    const refused = await stack.script('update', ['--no-build']);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /900_drop\.sql: "alter table genes drop column band" drops a column/);
    assert.deepEqual(await ids(), before);
  });

  it('refuse a file that holds a part of the images alone', async () => {
    const before = await ids();
    const refused = await stack.script('update', ['--images', await saveImages('half.tar', 'backend')]);
    assert.equal(refused.exitCode, 1);
    assert.match(
      refused.stderr,
      /half\.tar does not hold \S+-postgres:latest, \S+-frontend:latest: nothing is/,
    );
    assert.match(
      refused.stderr,
      /where they were built: docker save -o \S+ \S+-postgres:latest \S+-backend:latest/,
    );
    const none = await stack.script('update', ['--images', `${stack.tmp}/nowhere.tar`]);
    assert.equal(none.exitCode, 1);
    assert.match(none.stderr, /nowhere\.tar: no such file/);
    assert.deepEqual(await ids(), before);
  });

  it('are refused in test mode and on a stack that is down, with the way to do it', async () => {
    await stack.mustScript('down');
    const down = await stack.script('update', ['--no-build']);
    assert.deepEqual([down.exitCode, /is not up/.test(down.stderr)], [1, true], down.stderr);
    await stack.mustScript('up', ['--test']);
    const tried = await stack.script('update', ['--no-build']);
    assert.equal(tried.exitCode, 1);
    assert.match(
      tried.stderr,
      /test mode, whose ports belong to one container each.*\n.*make prod-up SWITCH=1/,
    );
  });

  it('remove old images, and none that may be needed', async () => {
    const kept = (await stack.mustScript('images', ['--json'])) as string;
    assert.match(kept, /-broken-/);
    assert.doesNotMatch(kept, /-breaking-/, 'what was refused got no name');
    await stack.mustScript('images', ['--prune']);
    const left = await stack.mustScript('images', ['--json']);
    assert.doesNotMatch(left, /-breaking-|-broken-/, 'what never ran may go');
    assert.match(left, /-first-/);
    assert.match(left, /-second0-/);
  });
});

/** What a command printed, as remarks of the test. */
function tell(t: TestContext, what: string, printed: string): void {
  for (const line of printed.trim().split('\n')) t.diagnostic(`${what}: ${line.trim()}`);
}
