import { parse } from 'yaml';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { ROOT } from './lib/process/root.ts';
import { $, must } from './lib/process/shell.ts';
import { zoneName } from './lib/proxy/npm/advanced-rules.ts';
import { addZone, findNpmContainer, hasZone } from './lib/proxy/npm/container.ts';
import { ensureImage } from './lib/proxy/npm/image.ts';
import { assertDockerReady, assertNetworkExists } from './lib/stack/preflight.ts';
import { loadSettings } from './lib/stack/project.ts';
import { NPM_COMPOSE, npmArgv, type StackSettings } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Starts or stops an Nginx Proxy Manager of this kit, for a host that has none yet.

  make npm-up
  make npm-down                   its settings and certificates stay
  npx tsx scripts/npm-stack.ts up|down

Ports: 80 and 443 for everybody, 81 (its page) on 127.0.0.1; NPM_HTTP_PORT, NPM_HTTPS_PORT, NPM_ADMIN_PORT name others, NPM_BIND
another address than 0.0.0.0. NPM_IMAGE names another image.`;

async function up(settings: StackSettings): Promise<void> {
  await assertNetworkExists(settings);
  await refuseSecond(settings);
  await ensureImage(await readImage(settings));
  const before = await identify(settings);
  const started = await npmCompose(
    settings,
  )`${npmArgv(settings, ['up', '-d', '--wait', '--pull', 'never'])}`.nothrow();
  if (started.exitCode !== 0) throw explainUp(started.stderr, settings);
  const zone = zoneName(settings.prefix);
  // Its volume holds the file: what an operator wrote there stays.
  if (!(await hasZone(containerName(settings), zone))) await addZone(containerName(settings), zone);
  const same = before !== '' && before === (await identify(settings));
  sayOk(same ? 'Nginx Proxy Manager is up already and unchanged' : 'Nginx Proxy Manager is up');
  const port = process.env.NPM_ADMIN_PORT || '81';
  say(`  Page  http://127.0.0.1:${port}, from your computer: ssh -L 8181:127.0.0.1:${port} YOUR_VPS`);
  say('  Make its first user there now, then: make npm-proxy-host DOMAIN=kidney-genetics.example.com');
}

async function down(settings: StackSettings): Promise<void> {
  await must(npmCompose(settings)`${npmArgv(settings, ['down'])}`, 'make npm-down');
  sayOk('Nginx Proxy Manager is down: no app behind it is reachable. Its settings and certificates stay');
}

/** Two of them would fight for the ports, and the apps are behind the other one. */
async function refuseSecond(settings: StackSettings): Promise<void> {
  const other = await findNpmContainer(settings.network);
  if (!other || other.name === containerName(settings)) return;
  throw new DescribedError(
    `${settings.network} has an Nginx Proxy Manager already: ${other.name}`,
    'use that one: make npm-proxy-host DOMAIN=kidney-genetics.example.com',
  );
}

async function readImage(settings: StackSettings): Promise<string> {
  const config = await must(npmCompose(settings)`${npmArgv(settings, ['config'])}`, `see ${NPM_COMPOSE}`);
  const { services } = parse(config) as { services: Record<string, { image: string }> };
  return services['kidney-genetics-npm']?.image ?? '';
}

function explainUp(said: string, settings: StackSettings): DescribedError {
  const last = said.trim().split('\n').slice(-3).join('\n    ');
  const taken = /port is already allocated|address already in use/.test(said);
  return new DescribedError(
    `Nginx Proxy Manager did not come up: ${last}`,
    taken
      ? 'end what uses the port, or choose another: make npm-up NPM_HTTP_PORT=8080 NPM_HTTPS_PORT=8443'
      : `see its log: docker logs ${containerName(settings)}`,
  );
}

function containerName({ prefix }: StackSettings): string {
  return `${prefix}-npm`;
}

function npmCompose({ prefix, network }: StackSettings): typeof $ {
  return $({ cwd: ROOT, env: { STACK_PREFIX: prefix, NPM_NETWORK: network } });
}

/** Which container runs since when. */
async function identify(settings: StackSettings): Promise<string> {
  const format = '{{.Id}} {{.State.StartedAt}}';
  const found = $`docker inspect --type container --format ${format} ${containerName(settings)}`;
  return (await found.nothrow()).stdout;
}

main(import.meta.url, {
  usage: USAGE,
  options: {},
  maxPositionals: 1,
  async run(_flags, [action]) {
    if (action !== 'up' && action !== 'down') {
      throw new DescribedError('Say up or down', 'see --help', Exit.usage);
    }
    const settings = loadSettings();
    await assertDockerReady();
    lockStack(`${settings.prefix}-npm`, `make npm-${action}`);
    await (action === 'up' ? up(settings) : down(settings));
  },
});
