import { setTimeout as sleep } from 'node:timers/promises';
import { type ContainerInfo, listContainers } from '../docker/containers.ts';
import { mustRun, run } from '../process/shell.ts';
import type { StackSettings } from '../stack/stack.ts';
import {
  countLowerFree,
  mainNetwork,
  NAME_CACHE_MS,
  type NetworkAddresses,
  placeholderArgv,
  type ReplacedService,
} from './replace-argv.ts';

/** The label of a backend image whose server can be told that another one takes over, and by which signal. */
const LEAVES_ON = 'kidney-genetics.leaves-on';
/** The server sends its WebSockets away over 2 s, and proxies use up the connections that they kept. */
const LEAVE_MS = 2500;
/** A long download gets this long; the servers cut it somewhat earlier themselves. */
const STOP_SECONDS = '40';
/** Longer than a container may take to stop. */
const FILL_MS = 60_000;
/** On a network with more free addresses below, a proxy may wait. */
const MOST_LOWER = 32;
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
 * other one, and its address refuses for as long as a proxy may know it.
 */
export async function drain(settings: StackSettings, container: ContainerInfo): Promise<void> {
  if (container.state !== 'running') return;
  const hold = await prepareHold(settings, container);
  const isBackend = container.service === 'kidney-genetics-backend';
  if (isBackend) await leave(container);
  // nginx refuses new connections at once and ends when those through it have: they have to come anew.
  await Promise.all([
    mustRun(['docker', 'stop', '-t', STOP_SECONDS, container.id], `docker stop ${container.name}`),
    isBackend ? undefined : sendSocketsAway(settings),
  ]);
  await hold();
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
  await run(['docker', 'rm', '-f', '-v', container.id]);
}

/**
 * Prepares to let the address that a container is about to leave refuse connections for as long as proxies may still know
 * it: nobody there would hold each of them up for seconds. The engine gives out the lowest free address of a network, so
 * the free ones below are taken first.
 * @returns takes the address, to be called once the container has stopped
 */
async function prepareHold(settings: StackSettings, leaving: ContainerInfo): Promise<() => Promise<void>> {
  const network = mainNetwork(settings, leaving.service as ReplacedService);
  const address = leaving.addresses[network];
  if (!address) return async () => undefined;
  const stand = (id: string, ms: number) => {
    const service = leaving.service as ReplacedService;
    return run(placeholderArgv(settings, service, leaving.imageId, `${leaving.id.slice(0, 6)}-${id}`, ms));
  };
  const lower = Math.min(MOST_LOWER, countLowerFree(await inspectAddresses(network), address));
  const fillers = await Promise.all(Array.from({ length: lower }, (_, index) => stand(`${index}`, FILL_MS)));
  return async () => {
    const isHeld = async () => {
      const { Containers } = await inspectAddresses(network);
      return Object.values(Containers).some(({ IPv4Address }) => IPv4Address.split('/')[0] === address);
    };
    // Others may have left the network meanwhile: then twice as many are tried each time, since every moment counts.
    for (let count = 1; count <= MOST_LOWER && !(await isHeld()); count *= 2) {
      const ms = NAME_CACHE_MS[leaving.service as ReplacedService] + 1000;
      await Promise.all(Array.from({ length: count }, (_, index) => stand(`on-${count + index}`, ms)));
    }
    const ids = fillers.map(({ stdout }) => stdout.trim()).filter(Boolean);
    if (ids.length > 0) await run(['docker', 'rm', '-f', ...ids]);
  };
}

async function inspectAddresses(network: string): Promise<NetworkAddresses> {
  const argv = ['docker', 'network', 'inspect', network, '--format', '{{json .}}'];
  return JSON.parse(await mustRun(argv, 'make npm-network-check')) as NetworkAddresses;
}
