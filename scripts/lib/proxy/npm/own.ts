import { DescribedError } from '../../process/errors.ts';
import { ROOT } from '../../process/root.ts';
import { $, must } from '../../process/shell.ts';
import { assertNetworkExists } from '../../stack/preflight.ts';
import { NPM_COMPOSE, npmArgv, npmProject, type StackSettings } from '../../stack/stack.ts';
import { say, sayOk } from '../../terminal/report.ts';
import { zoneName } from './advanced-rules.ts';
import { addZone, findNpmContainer, hasZone } from './container.ts';
import { ensureImage } from './image.ts';
import { defaultUrl, forwardCommand } from './sign-in.ts';

/**
 * Starts the kit's own NPM, its zone for the rate limit with it.
 * @throws DescribedError where another one is there, or its image cannot be had (exit 3)
 */
export async function startNpm(settings: StackSettings): Promise<void> {
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
  if (!(await hasZone(npmProject(settings), zone))) await addZone(npmProject(settings), zone);
  const same = before !== '' && before === (await identify(settings));
  sayOk(same ? 'Nginx Proxy Manager is up already and unchanged' : 'Nginx Proxy Manager is up');
  say(`  Page  ${defaultUrl()}, from your computer: ${forwardCommand(defaultUrl())}`);
  say('  Make its first user there now, then: make npm-proxy-host DOMAIN=kidney-genetics.example.com');
}

/** Stops it; its volumes stay. */
export async function stopNpm(settings: StackSettings): Promise<void> {
  await must(npmCompose(settings)`${npmArgv(settings, ['down'])}`, 'make npm-down');
  sayOk('Nginx Proxy Manager is down: no app behind it is reachable. Its settings and certificates stay');
}

/** Two of them would fight for the ports, and the apps are behind the other one. */
async function refuseSecond(settings: StackSettings): Promise<void> {
  const other = await findNpmContainer(settings.network);
  if (!other || other.name === npmProject(settings)) return;
  throw new DescribedError(
    `${settings.network} has an Nginx Proxy Manager already: ${other.name}`,
    'use that one: make npm-proxy-host DOMAIN=kidney-genetics.example.com',
  );
}

async function readImage(settings: StackSettings): Promise<string> {
  const images = npmCompose(settings)`${npmArgv(settings, ['config', '--images'])}`;
  return (await must(images, `see ${NPM_COMPOSE}`)).trim();
}

function explainUp(said: string, settings: StackSettings): DescribedError {
  const last = said.trim().split('\n').slice(-3).join('\n    ');
  const taken = /port is already allocated|address already in use/.test(said);
  return new DescribedError(
    `Nginx Proxy Manager did not come up: ${last}`,
    taken
      ? 'end what uses the port, or choose another: make npm-up NPM_HTTP_PORT=8080 NPM_HTTPS_PORT=8443'
      : `see its log: docker logs ${npmProject(settings)}`,
  );
}

function npmCompose({ prefix, network }: StackSettings): typeof $ {
  return $({ cwd: ROOT, env: { STACK_PREFIX: prefix, NPM_NETWORK: network } });
}

/** Which container runs since when. */
async function identify(settings: StackSettings): Promise<string> {
  const format = '{{.Id}} {{.State.StartedAt}}';
  const found = $`docker inspect --type container --format ${format} ${npmProject(settings)}`;
  return (await found.nothrow()).stdout;
}
