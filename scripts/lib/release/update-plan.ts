import { createHash } from 'node:crypto';
import { nameRelease, type Release, tagOf } from '../stack/release.ts';
import type { Breaking } from './migration-rules.ts';

type Part = 'backend' | 'frontend' | 'postgres';
/** What images hold, as `inspectImage` tells it; equal texts mean equal contents, undefined an image that is gone. */
export type Contents = Partial<Record<Part, string | undefined>>;
/** What is read here of an image. */
type Image = { labels: Readonly<Record<string, string>>; content: string };

/**
 * Names a release after its images; the parts of the current one whose contents are the same go on.
 * @param current what is deployed, and what its images hold
 */
export function nameParts(
  images: Readonly<Record<Part, Image>>,
  current?: { release: Release; contents: Contents },
): Release {
  const { backend, frontend, postgres } = images;
  const contents = { backend: backend.content, frontend: frontend.content, postgres: postgres.content };
  const release = {
    app: nameRelease(backend.labels, digest(backend.content, frontend.content)),
    database: nameRelease(postgres.labels, digest(postgres.content)),
  };
  return current ? keepSame(release, contents, current.release, current.contents) : release;
}

/** Has the parts of the current release go on, tag and all, whose contents are those of the release that is to come. */
export function keepSame(to: Release, contents: Contents, from: Release, current: Contents): Release {
  const isSame = (part: Part) => current[part] !== undefined && current[part] === contents[part];
  const database = isSame('postgres') ? from.database : to.database;
  if (isSame('backend') && isSame('frontend')) return { ...from, database };
  const kept = (['backend', 'frontend'] as const).filter(
    (part) => isSame(part) && tagOf(from, part) !== to.app,
  );
  return { app: to.app, database, ...Object.fromEntries(kept.map((part) => [part, tagOf(from, part)])) };
}

/** An image where there is one. */
type Found = { id: string; content: string } | undefined;

/**
 * Whether images are those that a release was named for: its name ends in a digest of what they hold; names of older releases end
 * in one of the images' ids, where a part may have gone on in another image of the same contents.
 * @param running the images of backend and frontend
 * @param tagged what the tags of the release mean, in the same order
 */
export function isNamedFor(app: string, running: readonly Found[], tagged: readonly Found[]): boolean {
  const contents = running.map((one) => one?.content ?? '');
  const ids = running.map((one, index) => {
    const same = tagged[index]?.content === one?.content ? tagged[index] : one;
    return same?.id ?? '';
  });
  return [digest(...contents), digest(...ids)].some((one) => app.endsWith(`-${one.slice(0, 6)}`));
}

/** What a release's name ends in, the first six letters of it. */
function digest(...contents: readonly string[]): string {
  return createHash('sha256').update(contents.join()).digest('hex');
}

/** A migration of the release that the database has not seen, and what in it the running version cannot live with. */
export interface PendingMigration {
  name: string;
  breaking: readonly Breaking[];
}

/** What an update sees before it does anything. */
export interface UpdateFacts {
  from: Release;
  /** The images that were built last, by name. */
  built: Release;
  /** Services whose container is not what the compose files, the env file and `built` say. */
  outdated: readonly Part[];
  migrations: readonly PendingMigration[];
  /** PostgreSQL's major versions; empty where an image is gone. */
  majors: { running: string; built: string };
  withDatabase: boolean;
  allowBreaking: boolean;
  noBackup: boolean;
}

/** What an update does, in the order in which it does it. */
export interface UpdatePlan {
  to: Release;
  database: 'stays' | 'is offered' | 'is replaced';
  replaced: readonly Part[];
  backup: boolean;
  migrations: readonly string[];
  /** What to say before. */
  warning?: string;
  /** Why it is not done, and what to do instead. */
  refusal?: { cause: string; hint: string };
}

/** Decides what an update does. */
export function planUpdate(facts: UpdateFacts): UpdatePlan {
  const { from, built, outdated, withDatabase, migrations } = facts;
  const isNewer = built.database !== from.database;
  const replaced = outdated.filter((part) => part !== 'postgres' || withDatabase);
  const breaking = migrations.flatMap(({ name, breaking }) =>
    breaking.map(({ statement, why }) => `\n    ${name}: "${statement}" ${why}`),
  );
  const refusal = findRefusal(facts, isNewer && withDatabase, breaking.join(''));
  return {
    to: withDatabase ? built : { ...built, database: from.database },
    database: replaced.includes('postgres') ? 'is replaced' : isNewer ? 'is offered' : 'stays',
    replaced,
    // A page alone changes no data.
    backup: !facts.noBackup && replaced.some((part) => part !== 'frontend'),
    migrations: migrations.map(({ name }) => name),
    ...(breaking.length > 0
      ? {
          warning: `The running version may fail meanwhile, and no rollback brings back what goes:${breaking.join('')}`,
        }
      : {}),
    ...(refusal ? { refusal } : {}),
  };
}

/** Whether all runs already as an update would have it. */
export function isUnchanged(from: Release, { to, replaced }: Pick<UpdatePlan, 'to' | 'replaced'>): boolean {
  return replaced.length === 0 && to.app === from.app && to.database === from.database;
}

function findRefusal(
  { majors, allowBreaking }: UpdateFacts,
  movesDatabase: boolean,
  breaking: string,
): UpdatePlan['refusal'] {
  if (movesDatabase && majors.running && majors.built && majors.running !== majors.built) {
    return {
      cause: `The new database image is PostgreSQL ${majors.built}, and the data are those of ${majors.running}`,
      hint: `move them: make prod-db-upgrade; or keep POSTGRES_BASE at ${majors.running}`,
    };
  }
  if (!breaking || allowBreaking) return undefined;
  return {
    cause: `The running version cannot live with what this release does to the database:${breaking}`,
    hint: 'add first and take away a release later; to deploy it with errors meanwhile: make prod-update ALLOW_BREAKING=1',
  };
}

/** A plan as a person reads it, a line a step. */
export function describePlan(
  from: Release,
  { to, replaced, database, backup, migrations }: UpdatePlan,
): string[] {
  const half = (part: 'backend' | 'frontend') => {
    const does = replaced.includes(part) ? 'is replaced without a gap' : 'stays as it is';
    return `  ${part.padEnd(9)} ${does} (${tagOf(to, part)})`;
  };
  return [
    to.app === from.app ? `${from.app} goes on` : `From ${from.app} to ${to.app}`,
    `  backup    ${backup ? 'is made first' : 'none'}`,
    ...(migrations.length > 0 ? [`  schema    new migrations: ${migrations.join(', ')}`] : []),
    `  database  ${database === 'is offered' ? 'stays; it has a new image: WITH_DATABASE=1, with some seconds without the API' : database}`,
    half('backend'),
    half('frontend'),
  ];
}
