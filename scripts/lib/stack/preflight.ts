import { type ContainerInfo, listContainers } from '../docker/containers.ts';
import { type Disk, findShortage, readDisk } from '../docker/disk.ts';
import { objectExists } from '../docker/inspect.ts';
import { isAtLeast, MIN_COMPOSE, MIN_ENGINE } from '../docker/version.ts';
import { DescribedError, Exit } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { type RunResult, run } from '../process/shell.ts';
import { formatBytes, sayWarning } from '../terminal/report.ts';
import { findBackupFolder } from './backup-settings.ts';
import { readEnvValues } from './env-file.ts';
import { findNameConflicts, findOtherNetwork, otherNetworkError } from './network-rules.ts';
import {
  containerName,
  type Mode,
  PROXIED_SERVICES,
  SERVICES,
  type StackSettings,
  shortName,
} from './stack.ts';

/**
 * Docker Engine and Compose are there, recent enough, and answer.
 * @throws DescribedError (exit 3)
 */
export async function assertDockerReady(): Promise<void> {
  const engine = await askDocker();
  if (engine.exitCode === 127) throw missing('Docker is not installed', 'make host-setup');
  if (/permission denied/i.test(engine.stderr)) {
    throw missing('You may not use Docker', 'sudo usermod -aG docker "$USER", then sign in again');
  }
  if (engine.exitCode !== 0)
    throw missing('Docker is installed, but its engine does not answer', 'make host-setup');
  const { version, compose } = parseDockerInfo(engine.stdout);
  if (!isAtLeast(version, MIN_ENGINE)) {
    throw missing(`Docker Engine ${version} is older than ${MIN_ENGINE}`, 'make host-setup');
  }
  if (!compose) throw missing('Docker has no Compose v2 plugin', 'make host-setup');
  if (!isAtLeast(compose, MIN_COMPOSE)) {
    throw missing(`Docker Compose ${compose} is older than ${MIN_COMPOSE}`, 'make host-setup');
  }
}

let asked: Promise<RunResult> | undefined;

/** Once in the life of a command: the answer takes as long as everything that is looked at beside it. */
function askDocker(): Promise<RunResult> {
  const format =
    '{"version":{{json .ServerVersion}},"root":{{json .DockerRootDir}},"plugins":{{json .ClientInfo.Plugins}}}';
  asked ??= run(['docker', 'info', '--format', format]);
  return asked;
}

/** The engine's version and folder, and the version of the Compose plugin. */
function parseDockerInfo(text: string): { version: string; root: string; compose: string | undefined } {
  const { version, root, plugins } = JSON.parse(text) as {
    version: string;
    root: string;
    plugins: { Name: string; Version?: string }[] | null;
  };
  return { version, root, compose: plugins?.find(({ Name }) => Name === 'compose')?.Version };
}

/**
 * Looks at things beside `assertDockerReady`, which takes as long as they do; should both fail, its error is the one told.
 * @param look changes nothing
 */
export async function whenDockerReady<T>(look: () => Promise<T>): Promise<T> {
  const looking = look();
  looking.catch(() => undefined);
  await assertDockerReady();
  return looking;
}

/** @throws DescribedError (exit 3) when the network shared with the proxy is missing */
export async function assertNetworkExists(settings: StackSettings): Promise<void> {
  if (await objectExists('network', settings.network)) return;
  throw missing(
    `The network ${settings.network}, shared with the proxy, is missing`,
    'make npm-network-create',
  );
}

/**
 * No other app on the host holds a container name of this stack or answers to one of its names on the shared network.
 * @throws DescribedError (exit 3)
 */
export async function assertNamesFree(settings: StackSettings, mode: Mode): Promise<void> {
  const wanted = SERVICES.map((service) => `name=^/${containerName(settings, service)}$`);
  const [holders, neighbours] = await Promise.all([
    listContainers(...wanted),
    mode === 'test' ? [] : listContainers(`network=${settings.network}`),
  ]);
  const foreign = holders.find(({ project }) => project !== settings.prefix);
  if (foreign) {
    const owner = foreign.project ? `project ${foreign.project}` : 'a container outside Compose';
    throw missing(
      `The container name ${foreign.name} is taken by ${owner}`,
      `rename or remove that one: docker rm ${foreign.name}`,
    );
  }
  const members = neighbours.map((container) => ({
    container: container.name,
    project: container.project,
    names: container.names[settings.network] ?? [],
  }));
  const taking = PROXIED_SERVICES.map((service) => containerName(settings, service));
  const [conflict] = findNameConflicts(members, taking, settings.prefix);
  if (conflict) {
    throw missing(
      `On ${settings.network} the container ${conflict.container} of another app already answers to ${conflict.name}`,
      `rename its service or alias; who answers to what: make npm-network-check`,
    );
  }
}

/**
 * The stack is reached over the network that is set, or over none.
 * @throws DescribedError (exit 2)
 */
export function assertSameNetwork(settings: StackSettings, containers: readonly ContainerInfo[]): void {
  const other = findOtherNetwork(containers, settings);
  if (other) throw otherNetworkError(settings, other);
}

/** Whether the image of each service has been built on this host. */
export function imagesBuilt(settings: StackSettings): Promise<boolean> {
  const names = SERVICES.map((service) => `${settings.prefix}-${shortName(service)}:latest`);
  return objectExists('image', ...names);
}

/** Warns when the disk that Docker writes to is nearly full, of bytes or of files, on which a database stops, or that of the backups. */
export async function warnOfFullDisk({ envFile }: StackSettings): Promise<void> {
  const values = await readEnvValues(envFile).catch(() => ({}));
  const backups = findBackupFolder({ ...values, ...process.env }, ROOT);
  const { exitCode, stdout } = await askDocker();
  const root = exitCode === 0 ? parseDockerInfo(stdout).root : '/';
  const docker = await readDisk(root).catch(() => readDisk('/'));
  const other = await readDisk(backups).catch(() => docker);
  warnOfDisk("Docker's disk", docker);
  if (other.device !== docker.device) warnOfDisk(`the backups' disk (${backups})`, other);
}

function warnOfDisk(name: string, disk: Disk): void {
  const shortage = findShortage(disk);
  if (!shortage) return;
  const { free, size, freeInodes, inodes } = disk;
  const left = shortage === 'bytes' ? formatBytes(free) : `${freeInodes} inodes`;
  const share = shortage === 'bytes' ? free / size : freeInodes / inodes;
  sayWarning(`Only ${left} (${Math.round(share * 100)} %) of ${name} are free`);
}

function missing(cause: string, hint: string): DescribedError {
  return new DescribedError(cause, hint, Exit.missing);
}
