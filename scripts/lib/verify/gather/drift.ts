import { DescribedError } from '../../process/errors.ts';
import { waitForLock } from '../../process/lock.ts';
import { composeVariables } from '../../release/compose.ts';
import { readHistory } from '../../release/history.ts';
import { matchesRelease } from '../../release/releases.ts';
import { readSecretsVersion } from '../../secrets/secrets.ts';
import type { Environment } from '../../stack/compose-env.ts';
import { loadEnvFile } from '../../stack/env-file.ts';
import { findDeployed, type Release } from '../../stack/release.ts';
import type { Mode, StackSettings } from '../../stack/stack.ts';
import { sayWarning } from '../../terminal/report.ts';
import type { ComposeModel } from '../drift/engine-rules.ts';
import { type Asked, findLimitDrift, findMountDrift } from '../drift/inside-rules.ts';
import { findStrangers } from '../drift/process-rules.ts';
import { makeReference, type Reference, readModel } from '../drift/reference.ts';
import {
  type Compared,
  type ContainerFacts,
  DRIFT_PARTS,
  type DriftFacts,
  type DriftPart,
} from '../facts.ts';
import { compareEngine } from './drift-engine.ts';
import { compareServer } from './drift-server.ts';
import { type Needle, searchText } from './search.ts';

/** What drift is looked for in. */
interface Subject {
  mode: Mode;
  settings: StackSettings;
  shared: string;
  /** The stack's containers as the checks know them. */
  containers: readonly ContainerFacts[];
  needles: readonly Needle[];
}

/** Nothing was compared. */
export const NO_DRIFT = Object.fromEntries(DRIFT_PARTS.map((part) => [part, null])) as DriftFacts;

const SERVER_PARTS = ['database', 'settings'] as const;
const ENGINE_PARTS = [
  'containers',
  'networks',
  'neighbours',
  'images',
  'processes',
  'limits',
  'mounts',
] as const;

/**
 * Compares what runs, whole, with what Compose makes of the files now, and with a fresh server of the release; both side by side.
 * @param look the same containers with what is inside
 */
export async function gatherDrift(
  subject: Subject,
  look: Promise<readonly ContainerFacts[]>,
): Promise<DriftFacts> {
  const { mode, settings, containers, needles } = subject;
  try {
    // Two looks at once would take each other's reference for their own.
    await waitForLock(`${settings.prefix}-verify`, 'make prod-verify', sayWarning);
    const release = findDeployed(readHistory(settings.prefix));
    const variables = await readVariables(mode, settings, release);
    const model = await readModel(mode, settings, variables);
    const hasServer = containers.some(({ service, state }) => service === 'postgres' && state === 'running');
    const [engine, server] = await Promise.all([
      compareParts(subject, { model, variables, release }, look).catch(toFailed(ENGINE_PARTS)),
      hasServer ? compareServer(settings, model).catch(toFailed(SERVER_PARTS)) : {},
    ]);
    return hideSecrets({ ...NO_DRIFT, ...engine, ...server }, needles);
  } catch (error) {
    return { ...NO_DRIFT, ...toFailed(DRIFT_PARTS)(error) };
  }
}

/** That a part could not be compared is a difference: what is not seen may be anything. */
function toFailed<P extends DriftPart>(parts: readonly P[]): (error: unknown) => Record<P, Compared> {
  return (error) => {
    const reason = error instanceof DescribedError ? error.message : String(error);
    const failed = { what: '', differences: [`could not be compared: ${reason}`] };
    return Object.fromEntries(parts.map((part) => [part, failed])) as Record<P, Compared>;
  };
}

/** The variables with which Compose made the stack. */
async function readVariables(
  mode: Mode,
  settings: StackSettings,
  release: Release | undefined,
): Promise<Environment> {
  const [env, version] = await Promise.all([
    loadEnvFile(settings.envFile),
    readSecretsVersion(settings.prefix),
  ]);
  return composeVariables(mode, settings, env, version, release ?? { app: 'latest', database: 'latest' });
}

/** All but the database's server. */
async function compareParts(
  subject: Subject,
  files: { model: ComposeModel; variables: Environment; release: Release | undefined },
  look: Promise<readonly ContainerFacts[]>,
) {
  const { model, variables, release } = files;
  const reference = await makeReference(subject.mode, subject.settings, variables, model);
  const [engine, images, inside] = await Promise.all([
    compareEngine(subject, model, reference),
    compareImages(subject, reference, release),
    look.then((containers) => compareInside(containers, reference)),
  ]);
  return { ...engine, images, ...inside };
}

/** The images that run against the release that the history names. */
async function compareImages(
  { settings, containers }: Subject,
  reference: Reference,
  release: Release | undefined,
): Promise<Compared> {
  const idOf = (service: string) => containers.find((one) => one.service === service)?.imageId ?? '';
  const differences = [...reference.containers].flatMap(([name, { Image }]) => {
    const running = containers.find((one) => one.name === name);
    return !running || running.imageId === Image
      ? []
      : [
          `${name} runs ${running.imageId.slice(0, 19)}, and its release's tag means ${String(Image).slice(0, 19)}`,
        ];
  });
  if (!release) return { what: 'the tags alone: the history names no release', differences };
  return {
    what: `the images that ${release.app} was named for`,
    differences: [
      ...differences,
      ...(await matchesRelease(settings, release, { backend: idOf('backend'), frontend: idOf('frontend') })),
    ],
  };
}

/** What the kernel says inside of each container. */
function compareInside(
  containers: readonly ContainerFacts[],
  reference: Reference,
): Pick<DriftFacts, 'processes' | 'limits' | 'mounts'> {
  const each = (find: (one: ContainerFacts, asked: Asked) => string[]): Compared => ({
    what: `${containers.filter(({ inside }) => inside).length} containers`,
    differences: containers.flatMap((one) => {
      const asked = reference.containers.get(one.name);
      return asked && one.inside
        ? find(one, asked as unknown as Asked).map((line) => `${one.name}: ${line}`)
        : [];
    }),
  });
  return {
    processes: each((one) => findStrangers(one)),
    limits: each(({ inside }, asked) => (inside ? findLimitDrift(asked, inside) : [])),
    mounts: each(({ inside }, asked) => (inside ? findMountDrift(asked, inside) : [])),
  };
}

/** A difference may be that a secret stands where none should. */
function hideSecrets(drift: DriftFacts, needles: readonly Needle[]): DriftFacts {
  const hide = (line: string) =>
    searchText(line, needles).length > 0 ? `${line.replace(/: .*$/s, '')}: holds a secret` : line;
  return Object.fromEntries(
    Object.entries(drift).map(([part, one]) => [
      part,
      one && { ...one, differences: one.differences.map(hide) },
    ]),
  ) as DriftFacts;
}
