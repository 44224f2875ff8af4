import { setTimeout as sleep } from 'node:timers/promises';
import { type ContainerInfo, listContainers } from '../docker/containers.ts';
import { run } from '../process/shell.ts';
import { waitUntil } from '../process/wait.ts';
import type { StackSettings } from '../stack/stack.ts';
import { type ReplacedService, retireArgv } from './replace-argv.ts';
import { answersWell } from './smoke.ts';

/** The label of an image whose program can be told that another container takes over, and by which signal. */
const LEAVES_ON = 'kidney-genetics.leaves-on';
/** The API sends its WebSockets away over 2 s, and nginx gives up connections that it keeps unused for 2 s. */
const LEAVE_MS = 2500;
/** How long nginx may take to close its port; its order to stop takes a second on the way. */
const CLOSE_MS = 10_000;

/**
 * Has a container leave while another one answers to its names: it finishes what is open, its WebSockets go to the other
 * one. Then it is removed, and its address held for as long as a proxy may know it, by a process that outlives this one.
 * @returns when it takes no new requests
 */
export async function leave(
  settings: StackSettings,
  service: ReplacedService,
  container: ContainerInfo,
): Promise<void> {
  const { id, state, labels } = container;
  const signal = labels[LEAVES_ON];
  if (state === 'running' && signal) {
    await run(['docker', 'kill', '--signal', signal, id]);
    if (service === 'kidney-genetics-backend-service') await sleep(LEAVE_MS);
  }
  await run(retireArgv(settings, service, container));
  if (state !== 'running' || service === 'kidney-genetics-backend-service') return;
  // Who came back before the port is closed could come to this one, and be cut off with it later.
  await waitUntil(async () => !(await answersWell(service, container)) || undefined, CLOSE_MS, 100);
  await sendSocketsAway(settings);
}

/** nginx ends when the WebSockets through it have: they have to come anew. */
async function sendSocketsAway(settings: StackSettings): Promise<void> {
  const project = await listContainers(`label=com.docker.compose.project=${settings.prefix}`);
  const backends = project.filter(
    ({ service, labels, state }) =>
      service === 'kidney-genetics-backend-service' && labels[LEAVES_ON] && state === 'running',
  );
  await Promise.all(backends.map(({ id }) => run(['docker', 'kill', '--signal', 'SIGHUP', id])));
}
