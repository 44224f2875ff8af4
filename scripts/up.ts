import { build } from './build.ts';
import { assertReadsData } from './lib/database/data-version.ts';
import type { ContainerInfo } from './lib/docker/containers.ts';
import { readNetworkIds } from './lib/docker/networks.ts';
import { DescribedError } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { ROOT } from './lib/process/root.ts';
import { mustRun, run } from './lib/process/shell.ts';
import { prepareCompose } from './lib/release/compose.ts';
import { readHistory, recordChange } from './lib/release/history.ts';
import { completeInterrupted, removeLeftovers, stopLeftovers } from './lib/release/leftovers.ts';
import {
  findDeployedRelease,
  findOtherBuild,
  imageName,
  tagLatest,
  tagRunning,
} from './lib/release/releases.ts';
import { assertNoUpgrade } from './lib/release/upgrade-state.ts';
import { assertDatabaseUnchanged, noteProven } from './lib/secrets/secrets.ts';
import { composeEnv } from './lib/stack/compose-env.ts';
import { listProject, listStack } from './lib/stack/containers.ts';
import { envFileExists, loadEnvFile } from './lib/stack/env-file.ts';
import type { EnvValues } from './lib/stack/env-rules.ts';
import { removeLost } from './lib/stack/lost-network.ts';
import { networksOf } from './lib/stack/network-rules.ts';
import { openStack } from './lib/stack/open.ts';
import {
  assertDockerReady,
  assertNamesFree,
  assertNetworkExists,
  assertSameNetwork,
  imagesBuilt,
  warnOfFullDisk,
  whenDockerReady,
} from './lib/stack/preflight.ts';
import type { Release } from './lib/stack/release.ts';
import {
  composeArgv,
  type Mode,
  SERVICES,
  type StackSettings,
  upArgv,
  upTarget,
  volumeName,
} from './lib/stack/stack.ts';
import { waitHealthy } from './lib/stack/wait-healthy.ts';
import { main, toMs } from './lib/terminal/cli.ts';
import { formatDuration, say, sayOk, sayWarning } from './lib/terminal/report.ts';
import { makeEnvFile } from './prod-env.ts';

const USAGE = `
Brings the stack up and waits until it is healthy. Run again it changes only what differs.
The first time it deploys the images that were built last; from then on it starts what is deployed, whatever was built
since: to deploy that is the work of prod-update, which drops no request.

  make prod-up                    production: reached through the proxy on the network npm-proxy
  make prod-test-up               test mode: the same stack with ports on 127.0.0.1
  npx tsx scripts/up.ts [--test] [--switch] [--timeout SECONDS]

  --test       test mode
  --switch     stop the other mode first, should it be running (make prod-up SWITCH=1)
  --timeout    how long to wait for health, in seconds; 120 unless said`;

/** Starts or updates the containers and shows their way to health. */
async function composeUp(
  mode: Mode,
  settings: StackSettings,
  env: EnvValues,
  release: Release,
  timeoutMs: number,
): Promise<ContainerInfo[]> {
  const variables = await prepareCompose(mode, settings, env, release);
  const done = new AbortController();
  const starting = run(upArgv(mode, settings), { cwd: ROOT, env: variables });
  const watching = waitHealthy(settings, timeoutMs, { after: starting, signal: done.signal });
  watching.catch(() => undefined);
  const up = await starting;
  if (up.exitCode === 0 || /unhealthy|dependency failed/.test(up.stderr)) return watching;
  done.abort();
  const said = up.stderr.trim().split('\n').slice(-3).join('\n    ');
  throw new DescribedError(`docker compose up failed (exit ${up.exitCode}): ${said}`, hintFor(said));
}

function hintFor(said: string): string {
  if (/port is already allocated|address already in use/.test(said)) {
    return 'choose other ports: make prod-env TEST_FRONTEND_PORT=8090 TEST_BACKEND_PORT=8011 TEST_POSTGRES_PORT=5443, then: make prod-test-up';
  }
  return 'fix what it says, then run the same command again';
}

/** Nobody "tests" on live data, or stops a production, unawares. */
function refuseOtherMode(mode: Mode, settings: StackSettings, containers: readonly ContainerInfo[]): void {
  const other = findOtherMode(mode, containers);
  if (!other) return;
  throw new DescribedError(
    `${settings.prefix} is up in ${other} mode, which uses the same containers and the same data`,
    `to stop that and switch: ${upTarget(mode)} SWITCH=1`,
  );
}

async function leaveOtherMode(
  mode: Mode,
  settings: StackSettings,
  containers: readonly ContainerInfo[],
): Promise<void> {
  const other = findOtherMode(mode, containers);
  if (!other) return;
  say(`Stopping ${other} mode; its data stay.`);
  await stopLeftovers(settings);
  await mustRun(composeArgv(other, settings, ['down']), `${upTarget(mode)} SWITCH=1`, {
    cwd: ROOT,
    env: composeEnv(other, settings),
  });
}

function findOtherMode(mode: Mode, containers: readonly ContainerInfo[]): Mode | undefined {
  return containers.find((container) => container.mode && container.mode !== mode)?.mode;
}

/** Of what works, but not as it may be meant. */
function warnOfReach(mode: Mode, settings: StackSettings, hosts: string): void {
  const local = /^(localhost|127\.0\.0\.1|[\s,])*$/.test(hosts);
  if (mode === 'production' && local) {
    sayWarning(
      'ALLOWED_HOSTS names no domain: the API refuses requests through the proxy until yours is in it',
    );
  }
  if (mode === 'test' && !settings.bind.startsWith('127.')) {
    sayWarning('The ports are open to the network, the database’s too, whatever the firewall says');
    if (local)
      sayWarning('ALLOWED_HOSTS names no address of this host: from outside the API refuses requests');
  }
}

function summarize(mode: Mode, settings: StackSettings, same: boolean, startedAt: number): void {
  const took = formatDuration(Date.now() - startedAt);
  sayOk(same ? `Already up and unchanged (${took})` : `All healthy in ${took}`);
  if (mode === 'test') {
    const host = settings.bind === '0.0.0.0' ? 'YOUR_VPS_IP' : settings.bind;
    say(`  Page      http://${host}:${settings.ports.frontend}`);
    say(`  API       http://${host}:${settings.ports.backend}/api/health`);
    say(`  Database  ${host}:${settings.ports.postgres}`);
    say(`  Data      volume ${volumeName(settings)}, the one that production uses`);
    say('  Next: make prod-test-health, then make prod-test-down and make prod-up');
  } else {
    say(
      `  In Nginx Proxy Manager forward your domain to http://${settings.prefix}-frontend:80, WebSocket support on`,
    );
    say('  Next: make prod-health');
  }
}

/** Which containers run since when: equal texts mean nothing was changed. */
function identify(containers: readonly ContainerInfo[]): string {
  return containers.map(({ id, startedAt }) => `${id} ${startedAt}`).join('\n');
}

/** What is there and what is wrong, looked at side by side; changes nothing of the stack. */
async function lookAround(mode: Mode, settings: StackSettings) {
  const networks = SERVICES.flatMap((service) => networksOf(mode, settings, service));
  const [env, containers, built, deployed, networkIds] = await Promise.all([
    loadEnv(settings),
    listProject(settings),
    imagesBuilt(settings),
    findDeployed(settings),
    readNetworkIds([...new Set(networks)]),
    mode === 'production' ? assertNetworkExists(settings) : undefined,
    assertNamesFree(settings, mode),
    warnOfFullDisk(settings),
  ]);
  return { env, containers, built, deployed, networkIds };
}

async function loadEnv(settings: StackSettings): Promise<EnvValues> {
  const env = await loadEnvFile(settings.envFile);
  await assertDatabaseUnchanged(settings.prefix, env, volumeName(settings));
  return env;
}

async function findDeployed(settings: StackSettings): Promise<Release | undefined> {
  const release = await findDeployedRelease(settings).catch((error: DescribedError) =>
    withoutImages(settings, error),
  );
  if (release) await assertReadsVolume(settings, release);
  return release;
}

/** Nothing runs and the images are gone, as after a `docker system prune`: what can be built takes their place. */
async function withoutImages(settings: StackSettings, error: DescribedError): Promise<undefined> {
  if ((await listStack(settings)).length > 0) throw error;
  sayWarning(`${error.message}: what was built last is deployed instead`);
}

/** A whole stack whose history is gone, as after `git clean -fdx`, or that was started by hand: what it runs is deployed. */
function isWithoutHistory(settings: StackSettings, containers: readonly ContainerInfo[]): boolean {
  return containers.length === SERVICES.length && readHistory(settings.prefix).length === 0;
}

function assertReadsVolume(settings: StackSettings, { database }: Release): Promise<void> {
  return assertReadsData(settings, imageName(settings, 'postgres', database));
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    test: { type: 'boolean' },
    switch: { type: 'boolean' },
    timeout: { type: 'string', default: '120' },
  },
  async run(flags) {
    const timeoutMs = toMs('--timeout', flags.timeout);
    const startedAt = Date.now();
    const settings = await openStack();
    const mode: Mode = flags.test ? 'test' : 'production';
    lockStack(settings.prefix, upTarget(mode));
    assertNoUpgrade(settings.prefix);
    // The first run of test mode is a trial: it needs no file written by hand.
    if (mode === 'test' && !(await envFileExists(settings.envFile))) {
      await assertDockerReady();
      await makeEnvFile(settings.envFile);
    }
    const look = () => lookAround(mode, settings);
    const { env, containers, built, deployed, networkIds } = await whenDockerReady(look);
    if (mode === 'production') assertSameNetwork(settings, containers.proper);
    if (!flags.switch) refuseOtherMode(mode, settings, containers.proper);
    const known = deployed || isWithoutHistory(settings, containers.proper);
    if (!known && !built) await build(settings);
    const release = deployed ?? (await (known ? tagRunning(settings) : tagLatest(settings)));
    if (!deployed) await assertReadsVolume(settings, release);
    warnOfReach(mode, settings, env.ALLOWED_HOSTS ?? '');
    // Whatever can fail has been looked at: only now what runs is stopped.
    await leaveOtherMode(mode, settings, containers.proper);
    const kept = containers.proper.filter((one) => one.mode === mode);
    await removeLost(settings, kept, networkIds);
    await completeInterrupted(settings, release);
    const up = () => composeUp(mode, settings, env, release, timeoutMs);
    const [after, other] = await Promise.all([
      deployed ? up() : recordChange(settings.prefix, upTarget(mode), null, release, up),
      findOtherBuild(settings, release),
    ]);
    await noteProven(settings.prefix);
    if (containers.beside.length > 0) await removeLeftovers(settings);
    summarize(mode, settings, identify(after) === identify(containers.proper), startedAt);
    if (other) say(`  It runs ${release.app}; another build is here: make prod-update NO_BUILD=1`);
  },
});
