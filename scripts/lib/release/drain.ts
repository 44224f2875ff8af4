import { setTimeout as sleep } from 'node:timers/promises';
import { type ContainerInfo, listContainers } from '../docker.ts';
import { NAME_CACHE_MS, placeholderArgv, type ReplacedService } from '../model/replace.ts';
import type { StackSettings } from '../model/stack.ts';
import { mustRun, run } from '../shell.ts';

/** The label of a backend image whose server can be told that another one takes over, and by which signal. */
const LEAVES_ON = 'kidney-genetics.leaves-on';
/** The server sends its WebSockets away over 2 s, and proxies use up the connections that they kept. */
const LEAVE_MS = 2500;
/** A long download gets this long; the servers cut it somewhat earlier themselves. */
const STOP_SECONDS = '40';
/** In one try; all tries together make twice as many. */
const MOST_PLACEHOLDERS = 16;
/** Asks a backend, from inside its container, whether it was told to leave. */
const ASK_LEAVING = `require('node:http').get({ host: '127.0.0.1', port: process.env.PORT, path: '/api/health',
  headers: { host: 'kidney-genetics-backend' }, agent: false }, (answer) => {
    answer.resume(); console.log(answer.headers['x-leaving']); }).on('error', () => {})`;

/** Whether a container is a backend that was told to leave: it keeps no connection and takes no WebSocket. */
export async function isLeaving(container: ContainerInfo): Promise<boolean> {
  if (!container.labels[LEAVES_ON] || container.state !== 'running') return false;
  const argv = ['docker', 'exec', container.id, 'node', '-e', ASK_LEAVING];
  return (await run(argv, { timeoutMs: 10_000 })).stdout.trim() === 'yes';
}

/**
 * Stops a container while another one answers to its names: what is open is finished first, WebSockets are sent to the
 * other one.
 */
export async function drain(settings: StackSettings, container: ContainerInfo): Promise<void> {
  if (container.state !== 'running') return;
  const isBackend = container.service === 'kidney-genetics-backend';
  if (isBackend) await leave(container);
  // nginx refuses new connections at once and ends when those through it have: they have to come anew.
  const stopping = mustRun(
    ['docker', 'stop', '--time', STOP_SECONDS, container.id],
    `docker stop ${container.name}`,
  );
  if (!isBackend) await sendSocketsAway(settings);
  await stopping;
}

async function leave(container: ContainerInfo): Promise<void> {
  const signal = container.labels[LEAVES_ON];
  if (!signal) return;
  await run(['docker', 'kill', '--signal', signal, container.id]);
  await sleep(LEAVE_MS);
}

async function sendSocketsAway(settings: StackSettings): Promise<void> {
  await sleep(300);
  const project = await listContainers(`label=com.docker.compose.project=${settings.prefix}`);
  const backends = project.filter(({ labels, state }) => labels[LEAVES_ON] && state === 'running');
  await Promise.all(backends.map(({ id }) => run(['docker', 'kill', '--signal', 'SIGHUP', id])));
}

/** Drains and removes the container that stood in. */
export async function retire(settings: StackSettings, container: ContainerInfo): Promise<void> {
  await drain(settings, container);
  await run(['docker', 'rm', '-f', container.id]);
  await holdAddress(settings, container);
}

/**
 * Lets an address that a container has left refuse connections for as long as proxies may still know it: nobody there would
 * hold each of them up for seconds. The engine gives out the lowest free address of a network; how many lower ones are free
 * as well is not asked but tried, by twice as many containers each time, since every tenth of a second counts.
 */
export async function holdAddress(settings: StackSettings, left: ContainerInfo): Promise<void> {
  const address = left.addresses[settings.network];
  const service = left.service as ReplacedService;
  for (let count = 1; address && count <= MOST_PLACEHOLDERS; count *= 2) {
    const members = await listContainers(`network=${settings.network}`);
    if (members.some(({ addresses }) => addresses[settings.network] === address)) return;
    await Promise.all(
      Array.from({ length: count }, (_, index) => {
        const id = `${left.id.slice(0, 6)}${count + index}`;
        return run(placeholderArgv(settings, service, left.imageId, id, NAME_CACHE_MS[service] + 1000));
      }),
    );
  }
}
