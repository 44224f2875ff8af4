import { readFileSync } from 'node:fs';
import { app } from '../../app/contract.ts';
import type { InspectedContainer } from '../../docker/inspect.ts';
import { sandboxArgv } from '../../docker/sandbox-argv.ts';
import { run } from '../../process/shell.ts';
import type { StackSettings } from '../../stack/stack.ts';
import type { ContainerFacts, HttpFacts, Tries } from '../facts.ts';
import { parseSections, type Sections } from './inside.ts';

const PROBES = new URL('../probe/', import.meta.url);
const INSIDE_MS = 30_000;
const HTTP_MS = 60_000;

/** Node, given a program of TypeScript on its standard input. */
export const NODE = ['node', '--input-type=module-typescript', '-'];

export const readProbe = (name: string) => readFileSync(new URL(name, PROBES), 'utf8');
/** A probe for Node, with the module that it shares with others in front of it: it travels alone. */
export const packProbe = (name: string) =>
  `${readProbe('dial.ts')}\n${readProbe(name).replace(/^import .* from '\.\/dial\.ts';$/m, '')}`;

/** Starts a container of the backend's image on the shared network, with no right at all, and lets it ask. */
export async function askHttp(
  settings: StackSettings,
  shared: string,
  containers: readonly ContainerFacts[],
  what: { dial: readonly string[]; pages: boolean },
): Promise<{ http: HttpFacts | null; dialed: Tries | null }> {
  const frontend = containers.find(({ service }) => service === 'frontend');
  const backend = containers.find(({ service }) => service === 'backend');
  const address = frontend?.networks.find(({ name }) => name === shared)?.address;
  if (!backend || !address || (!what.pages && what.dial.length === 0)) return { http: null, dialed: null };
  const api = backend.env.API_V1_STR ?? '/api/v1';
  const task = {
    address,
    host: 'kidney-genetics-frontend-service',
    list: api + app.list,
    refusedList: api + app.refusedList,
    webSocket: app.webSocket,
    ...what,
  };
  const { stdout } = await run(
    [
      ...['docker', 'run', '--rm', '--interactive', '--init'],
      ...['--name', `${settings.prefix}-verify-${process.pid}`, ...sandboxArgv({ network: shared })],
      ...['--log-driver', 'none', '--env', 'TASK', backend.imageId, ...NODE],
    ],
    { input: packProbe('http.ts'), env: { TASK: JSON.stringify(task) }, timeoutMs: HTTP_MS },
  );
  if (stdout === '') return { http: null, dialed: null };
  const answer = JSON.parse(stdout) as { http: HttpFacts | string | null; dialed: Tries };
  return {
    http: answer.http === null || typeof answer.http === 'string' ? null : answer.http,
    dialed: answer.dialed,
  };
}

/** Runs a probe in a container: the shell's, or Node's where there is no shell. */
export async function askInside(
  raw: InspectedContainer,
  service: string,
  targets: readonly string[],
): Promise<Sections | undefined> {
  if (raw.State.Status !== 'running') return undefined;
  const task = [String(rootOf(raw)), ...targets];
  const byShell = () => execProbe([raw.Id, 'sh', '-s', ...task], readProbe('inside.sh'), {});
  const byNode = () =>
    execProbe(['--env', 'TASK', raw.Id, ...NODE], packProbe('inside.ts'), { TASK: task.join(' ') });
  return service === 'backend' ? byNode() : ((await byShell()) ?? byNode());
}

async function execProbe(
  args: readonly string[],
  input: string,
  env: Record<string, string>,
): Promise<Sections | undefined> {
  const { stdout } = await run(['docker', 'exec', '--interactive', ...args], {
    input,
    env,
    timeoutMs: INSIDE_MS,
  });
  return stdout.includes('\u001e') ? parseSections(stdout) : undefined;
}

/** The container's first process, as /proc in it numbers it. */
export function rootOf(raw: InspectedContainer | undefined): number {
  return raw?.HostConfig.PidMode === 'host' ? raw.State.Pid : 1;
}
