import { fields, maybe, moment, oneOf, type Reader, text } from '../process/fields.ts';
import { toPrintable } from '../process/printable.ts';

/** What a stack runs: the tag of backend and frontend, and that of the database, which is updated on its own. */
export interface Release {
  app: string;
  database: string;
  /** The tag of the release before whose backend, or frontend, goes on, because the contents are the same. */
  backend?: string;
  frontend?: string;
}

/** The tag under which a part of a release runs. */
export function tagOf(release: Release, part: 'backend' | 'frontend' | 'postgres'): string {
  return part === 'postgres' ? release.database : (release[part] ?? release.app);
}

/** A line of the history: a change begins, and ends in one of the outcomes. */
export type HistoryLine =
  | {
      event: 'began';
      id: string;
      at: string;
      who: string;
      command: string;
      from: Release | null;
      to: Release;
    }
  | {
      event: 'ended';
      id: string;
      at: string;
      outcome: 'done' | 'failed';
      reason?: string | undefined;
    };

/** A change of what runs, as `make prod-history` shows it. */
export interface Deployment {
  at: string;
  who: string;
  command: string;
  from: Release | null;
  to: Release;
  /** `interrupted` where no end was written: the command was killed, or is still at it. */
  outcome: 'done' | 'failed' | 'interrupted';
  seconds: number | null;
  reason: string;
}

/** How many releases stay on the host, the running one among them. */
export const KEPT_RELEASES = 5;

/**
 * Reads the history.
 * @param text one JSON object a line; a last line that was cut off is passed over
 */
export function parseHistory(text: string): Deployment[] {
  const deployments = new Map<string, Deployment>();
  for (const line of text.split('\n').filter(Boolean)) {
    const read = parseLine(line);
    if (read?.event === 'began') {
      const { at, who, command, from, to } = read;
      deployments.set(read.id, {
        ...{ at, who, command, from, to },
        ...{ outcome: 'interrupted', seconds: null, reason: '' },
      });
    }
    const begun = read?.event === 'ended' ? deployments.get(read.id) : undefined;
    if (read?.event === 'ended' && begun) {
      begun.outcome = read.outcome;
      begun.reason = read.reason ?? '';
      begun.seconds = Math.max(0, Date.parse(read.at) - Date.parse(begun.at)) / 1000;
    }
  }
  return [...deployments.values()];
}

const tag = text(200, /^\w[\w.+-]*$/);
/** Reads a release of a file of ours. @throws Error with the reason */
export const readRelease = fields<{ [K in keyof Release]-?: Release[K] | undefined }>({
  ...{ app: tag, database: tag },
  ...{ backend: maybe(tag), frontend: maybe(tag) },
}) as Reader<Release>;
const head = { id: text(100), at: moment };
const readBegan = fields<Extract<HistoryLine, { event: 'began' }>>({
  ...head,
  event: oneOf('began'),
  who: text(200),
  command: text(1000),
  from: (value, path) => (value === null ? null : readRelease(value, path)),
  to: readRelease,
});
const readEnded = fields<Extract<HistoryLine, { event: 'ended' }>>({
  ...head,
  event: oneOf('ended'),
  outcome: oneOf('done', 'failed'),
  reason: maybe((value) => toPrintable(String(value))),
});

/** A line that was cut off, or that somebody else wrote, is none. */
function parseLine(line: string): HistoryLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const { event } = fields({ event: oneOf('began', 'ended') })(value, '');
    return event === 'began' ? readBegan(value, '') : readEnded(value, '');
  } catch {
    return undefined;
  }
}

/** The release that was brought up last; undefined on a stack that never was. */
export function findDeployed(history: readonly Deployment[]): Release | undefined {
  return history.findLast(({ outcome }) => outcome === 'done')?.to;
}

/** A change that began and did not come to its end, with nothing done since. */
export function findInterrupted(history: readonly Deployment[]): Deployment | undefined {
  const last = history.at(-1);
  return last?.outcome === 'interrupted' ? last : undefined;
}

/** The tags of an image that were deployed, the latest first, each once. */
export function listDeployed(history: readonly Deployment[], part: 'app' | 'database'): string[] {
  const done = history.filter(({ outcome }) => outcome === 'done').map(({ to }) => to[part]);
  return [...new Set(done.reverse())];
}

/**
 * Finds the release to go back to.
 * @param there the releases whose images are on the host
 * @param options.wanted part of its name, such as a git revision. Without it: where a change stopped half way, the release
 *   that was deployed before it, or the aim of a rollback; else the one before the running one
 * @param options.halfWay whether containers of more than one release, or of another than the deployed one, run
 * @returns the release, or why there is none
 */
export function chooseRollback(
  history: readonly Deployment[],
  there: readonly string[],
  { wanted, halfWay = false }: { wanted?: string | undefined; halfWay?: boolean } = {},
): { release: string } | { problem: string } {
  const deployed = findDeployed(history)?.app;
  const past = listDeployed(history, 'app').filter((name) => there.includes(name));
  const others = halfWay ? past : past.filter((name) => name !== deployed);
  if (wanted === undefined) {
    const last = history.at(-1);
    const goesOn = halfWay && last?.outcome !== 'done' && last?.command.startsWith('make prod-rollback');
    const aim = goesOn ? last?.to.app : others[0];
    return aim && there.includes(aim)
      ? { release: aim }
      : { problem: 'There is no earlier release on this host' };
  }
  const fitting = others.filter((name) => name.includes(wanted));
  const [only] = fitting;
  if (only && fitting.length === 1) return { release: only };
  if (only) return { problem: `${wanted} fits ${fitting.length} releases: ${fitting.join(', ')}` };
  return {
    problem: deployed?.includes(wanted)
      ? `${deployed} is what runs`
      : `No release on this host fits ${wanted}`,
  };
}

/**
 * The tags that may go: not in use, and not among the last releases.
 * @param deployed those that once ran, the latest first
 */
export function listExpired(
  there: readonly string[],
  deployed: readonly string[],
  inUse: readonly string[],
): string[] {
  const kept = new Set([...inUse, ...deployed.slice(0, KEPT_RELEASES)]);
  return there.filter((tag) => !kept.has(tag));
}

/** The name of a release: version and git revision for people, and a digest of the images, for builds that share those. */
export function nameRelease(labels: Readonly<Record<string, string>>, digest: string): string {
  const version = labels['org.opencontainers.image.version'] || '0.0.0';
  const revision = labels['org.opencontainers.image.revision'] || 'unknown';
  return `${version}-${revision}-${digest.slice(0, 6)}`;
}

/** Whether a tag was given by a deployment; `latest` and the build's own tags were not. */
export function isReleaseTag(tag: string): boolean {
  return /^\d.*-[0-9a-f]{6}$/.test(tag);
}
