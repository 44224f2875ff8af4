import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { listContainers } from '../../lib/docker/containers.ts';
import { BASE_NAMES, RECIPES } from '../../lib/images/base-names.ts';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun } from '../../lib/process/shell.ts';
import { findOurCache } from '../../lib/release/prune-rules.ts';
import { listStack } from '../../lib/stack/containers.ts';
import type { Result } from '../../lib/verify/check.ts';
import type { ScanFacts } from '../../lib/verify/facts.ts';
import { TestStack, until } from '../e2e/harness.ts';
import { npmLikeName, startNpmLike } from '../e2e/npm-like.ts';
import { changeImage, UpdateUsers } from '../e2e/update-users.ts';

/**
 * What an operator does with a stack, from its first start to its end. hosts.hosts.ts runs it on each of its hosts, in a
 * copy of the checkout, because it changes the page's sources.
 */
const HINT = 'see above';
/** How long what was replaced lives on: proxies may still know its address. */
const LEAVES_MS = 60_000;
const PAGE = join(ROOT, 'frontend/index.html');

describe('the whole way of a stack', { timeout: 1_200_000 }, () => {
  let stack: TestStack;
  let users: UpdateUsers;

  before(async () => {
    stack = await TestStack.create('walk');
    users = new UpdateUsers(stack);
    stack.setEnv('ALLOWED_HOSTS', `localhost,127.0.0.1,${npmLikeName(stack)}`);
    // Engine 26 gives IPv6 to no network unasked, whatever its settings: here the operator has asked.
    const byHand = [
      'docker',
      'network',
      'create',
      '--ipv6',
      '--subnet',
      'fd00:79::/64',
      stack.settings.network,
    ];
    if (process.env.HOST_HAS_IPV6 === '1') await mustRun(byHand, HINT);
    await stack.mustScript('npm-network', ['create']);
  });
  after(() => stack?.dispose());

  const listAll = () => listContainers(`label=com.docker.compose.project=${stack.settings.prefix}`);
  const ids = async () => new Map((await listStack(stack.settings)).map(({ service, id }) => [service, id]));
  const deploys = async (): Promise<number> =>
    (JSON.parse(await stack.mustScript('history', ['--json'])) as unknown[]).length;
  const countGenes = () => stack.sql('select count(*) from genes');

  /** Does something while users ask, write and listen; none of them may notice. */
  async function underLoad(t: TestContext, what: string, work: () => Promise<unknown>): Promise<void> {
    await users.start({ rate: 30, sockets: 30 });
    const failure = await work()
      // A page whose nginx leaves comes back to the next one.
      .then(() => until('what was replaced is gone', LEAVES_MS, async () => (await listAll()).length === 3))
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    const report = await users.end();
    if (failure) throw failure;
    const { requests, failed, outcomes, sockets, open, missed, slowestPace } = report;
    t.diagnostic(`${what}: ${failed} of ${requests} requests failed, at ${slowestPace} of the rate at least`);
    assert.deepEqual([failed, outcomes, missed, open], [0, {}, 0, sockets]);
  }

  it('comes up', async () => {
    await stack.mustScript('up');
    await startNpmLike(stack);
  });

  it('answers over IPv6 as well where the proxy’s network has it', async (t) => {
    const format = `{{(index .NetworkSettings.Networks "${stack.settings.network}").GlobalIPv6Address}}`;
    for (const [service, path] of [
      ['frontend', '80/health'],
      ['backend', '8000/api/health'],
    ] as const) {
      const address = (await mustRun(['docker', 'inspect', '-f', format, stack.name(service)], HINT)).trim();
      assert.equal(address !== '', process.env.HOST_HAS_IPV6 === '1');
      if (!address) return t.diagnostic('this engine gives none');
      const ask = `console.log((await fetch('http://[${address}]:${path}')).status)`;
      const { stdout, stderr } = await stack.nodeOn(stack.settings.network, ask);
      // The API knows no host of that name, and says so.
      assert.match(stdout.trim(), /^(200|400)$/, `${service}: ${stderr}`);
    }
  });

  it('is proven, with nothing broken', async (t) => {
    const { stdout } = await stack.script('verify', ['--json']);
    const { results } = JSON.parse(stdout) as { results: Result[] };
    const broken = results.filter(({ status }) => status === 'fail');
    t.diagnostic(`${results.length} checks`);
    assert.deepEqual(broken, []);
  });

  it('is left alone by updates without a change', async (t) => {
    // The first one builds under this stack's name, and gives its images their first names.
    await stack.mustScript('update');
    const [before, deployed] = [await ids(), await deploys()];
    for (const round of ['first', 'second']) {
      t.diagnostic(`${round}: ${(await stack.mustScript('update')).trim().split('\n').at(-1)}`);
      assert.deepEqual(await ids(), before);
    }
    assert.equal(await deploys(), deployed);
    assert.match(await stack.mustScript('up'), /Already up and unchanged/);
  });

  it('gets a new page, and nothing else of it is replaced, while people use it', async (t) => {
    const before = await ids();
    writeFileSync(
      PAGE,
      readFileSync(PAGE, 'utf8').replace('</head>', '<meta name="walk" content="1"></head>'),
    );
    // Built before: a build takes all of a small machine, and the API then says that it is overloaded.
    await stack.mustScript('build');
    await underLoad(t, 'a new page', async () =>
      t.diagnostic(await stack.mustScript('update', ['--no-build'])),
    );
    const replaced = [...(await ids())].filter(([service, id]) => before.get(service) !== id);
    assert.deepEqual(
      replaced.map(([service]) => service),
      ['kidney-genetics-frontend-service'],
    );
  });

  it('gets a new API and goes back, while people use it', async (t) => {
    const before = await ids();
    await changeImage(stack, 'backend', 'walk');
    await underLoad(t, 'a new API', () => stack.mustScript('update', ['--no-build']));
    assert.notDeepEqual(await ids(), before);
    await underLoad(t, 'back', () => stack.mustScript('rollback'));
  });

  it('is backed up, drilled and restored', async () => {
    const genes = await countGenes();
    await stack.mustScript('backup');
    assert.match(await stack.mustScript('backup', ['--verify', 'latest']), /is proven/);
    await stack.sql(`delete from genes where symbol = 'PKD1'`);
    await stack.mustScript('restore', ['latest', '--yes']);
    assert.equal(await countGenes(), genes);
  });

  it('is pruned of all that it does not need, and goes on', async (t) => {
    const before = await ids();
    t.diagnostic(await stack.mustScript('prune', ['--cache-age', '0s']));
    const left = findOurCache(await mustRun(['docker', 'buildx', 'du', '--verbose'], HINT));
    assert.deepEqual(left, []);
    assert.deepEqual(await ids(), before);
    await stack.mustScript('health');
  });

  it('is scanned as before when the tags of its bases have gone', async () => {
    const count = async () => {
      const { stdout } = await stack.script('scan', ['--json']);
      return (JSON.parse(stdout) as ScanFacts).components;
    };
    const before = await count();
    await mustRun(['docker', 'rmi', ...BASE_NAMES.map((base) => RECIPES[base].official)], HINT);
    assert.deepEqual(await count(), before);
  });

  it('goes down', async () => {
    await stack.mustScript('down');
    assert.equal((await listStack(stack.settings)).length, 0);
  });
});
