import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { objectExists } from '../../docker/inspect.ts';
import { fields, list, map, text, whole } from '../../process/fields.ts';
import { writeWhole } from '../../process/files.ts';
import { ROOT } from '../../process/root.ts';
import { run, runStreaming } from '../../process/shell.ts';
import { secretsDir } from '../../secrets/secrets.ts';
import { inspectEnvFile } from '../../stack/env-file.ts';
import { ENV_KEYS, OPTIONAL_ENV_KEYS } from '../../stack/env-rules.ts';
import { findWeakSecrets, readSecretsDate } from '../../stack/secret-strength.ts';
import { formatBytes } from '../../terminal/report.ts';
import { type ContainerFacts, SECRET_PLACES, type SecretFacts, type SecretPlace } from '../facts.ts';
import {
  type ArchiveResult,
  feedSearcher,
  type Needle,
  Searcher,
  searchArchive,
  searchText,
} from './search.ts';

const SPECS = { ...ENV_KEYS, ...OPTIONAL_ENV_KEYS };
const GENERATED = new Set(['POSTGRES_PASSWORD', 'SECRET_KEY']);
const LOG_LINES = 100_000;
const LOG_MS = 8000;
const LAYERS_MS = 60_000;
const CACHE = join(ROOT, 'artifacts/verify/layers.json');

/** The env file and the secrets in it. */
export interface SecretSource {
  envFile: SecretFacts['envFile'];
  needles: Needle[];
  /** Changes when the env file does. */
  version: string;
}

/**
 * Reads the env file.
 * @throws DescribedError (exit 3) when it is missing
 */
export async function readSecretSource(path: string): Promise<SecretSource> {
  const { values, problems } = await inspectEnvFile(path);
  const [text, { mode, mtime, ino }, git] = await Promise.all([
    readFile(path, 'utf8'),
    stat(path),
    askGit(path),
  ]);
  const secrets = Object.entries(values as Record<string, string>)
    .filter(([key, value]) => value && (key === 'DATABASE_URL' || SPECS[key]?.secret))
    .map(([key, value]) => ({ key, value }));
  return {
    envFile: {
      name: relative(ROOT, path),
      mode: mode & 0o777,
      git,
      madeAt: readSecretsDate(text) ?? mtime.toISOString(),
      // Mode, git and weakness have checks of their own.
      problems: problems.filter(({ key, problem }) => key !== '(file)' && !/shorter than/.test(problem)),
      // The others' strength is not ours to choose.
      weak: findWeakSecrets(secrets.filter(({ key }) => GENERATED.has(key))),
    },
    needles: secrets,
    version: `${ino} ${mtime.getTime()}`,
  };
}

async function askGit(path: string): Promise<SecretFacts['envFile']['git']> {
  if (relative(ROOT, path).startsWith('..')) return 'outside';
  const git = (args: readonly string[]) => run(['git', ...args, '--', path], { cwd: ROOT });
  const [tracked, ignored, checkout] = await Promise.all([
    git(['ls-files', '--error-unmatch']),
    git(['check-ignore', '--quiet', '--no-index']),
    run(['git', 'rev-parse'], { cwd: ROOT }),
  ]);
  if (checkout.exitCode !== 0) return 'outside';
  if (tracked.exitCode === 0) return 'tracked';
  return ignored.exitCode === 0 ? 'ignored' : 'not ignored';
}

/** The modes of the secret files. */
export async function inspectSecretFiles(prefix: string): Promise<SecretFacts['folder']> {
  const path = secretsDir(prefix);
  try {
    const names = (await readdir(path)).sort();
    const files = await Promise.all(
      names.map(async (name) => ({ name, mode: (await stat(join(path, name))).mode & 0o777 })),
    );
    return { name: relative(ROOT, path), mode: (await stat(path)).mode & 0o777, files };
  } catch {
    return null;
  }
}

type Searched = Pick<SecretFacts, 'seen' | 'searched'>;

const forEachPlace = <T>(value: T) =>
  Object.fromEntries(SECRET_PLACES.map((place) => [place, value])) as Record<SecretPlace, T>;
const NOT_SEARCHED: Searched = { seen: forEachPlace([]), searched: forEachPlace('nothing') };

/** What a search of one kind of place found. */
interface PlaceResult {
  place: SecretPlace;
  seen: string[];
  searched: string;
}

/**
 * Searches everything that others can read for the values of the secrets.
 * @param source without it nothing is searched
 * @param texts what the engine and the kernel said, by container: already here, so searched here
 */
export async function searchSecrets(
  source: SecretSource | undefined,
  containers: readonly ContainerFacts[],
  texts: {
    inspect: ReadonlyMap<string, string>;
    commands: ReadonlyMap<string, string>;
    environments: ReadonlyMap<string, string>;
  },
): Promise<Searched> {
  if (!source) return NOT_SEARCHED;
  const { needles } = source;
  const images = [...new Map(containers.map((one) => [one.imageId, one.imageName]))];
  const results = await Promise.all([
    searchTexts('inspect', texts.inspect, needles),
    searchTexts('command lines', texts.commands, needles),
    searchTexts('environments', texts.environments, needles),
    searchHistories(images, needles),
    searchLogs(containers, needles),
    searchLayers(images, source),
  ]);
  const pick = <K extends 'seen' | 'searched'>(key: K) =>
    Object.fromEntries(results.map((result) => [result.place, result[key]])) as unknown as SecretFacts[K];
  return { seen: pick('seen'), searched: pick('searched') };
}

function searchTexts(
  place: SecretPlace,
  texts: ReadonlyMap<string, string>,
  needles: readonly Needle[],
): PlaceResult {
  const seen = [...texts].flatMap(([name, text]) =>
    searchText(text, needles).map((key) => `${key} in ${name}`),
  );
  return { place, seen, searched: [...texts.keys()].join(', ') };
}

async function searchHistories(
  images: readonly (readonly [string, string])[],
  needles: readonly Needle[],
): Promise<PlaceResult> {
  const texts = images.map(async ([id, name]) => {
    const { exitCode, stdout } = await run([
      'docker',
      'history',
      '--no-trunc',
      '--format',
      '{{.CreatedBy}} {{.Comment}}',
      id,
    ]);
    return { name, stdout, exitCode };
  });
  const read = await Promise.all(texts);
  const found = searchTexts('history', new Map(read.map(({ name, stdout }) => [name, stdout])), needles);
  return { ...found, seen: [...found.seen, ...listUnread(read)] };
}

async function searchLogs(
  containers: readonly ContainerFacts[],
  needles: readonly Needle[],
): Promise<PlaceResult> {
  const pairs = await Promise.all(
    containers.map(async ({ name }) => {
      const searcher = new Searcher(needles);
      // The log's streams come side by side: each has a searcher of its own.
      const errors = new Searcher(needles);
      const argv = ['docker', 'logs', '--tail', String(LOG_LINES), name];
      const { exitCode } = await runStreaming(argv, (output) => feedSearcher(output, searcher), {
        timeoutMs: LOG_MS,
        onStderr: (chunk) => errors.push(chunk),
      });
      // What went meanwhile, as a former container does after an update, has no log any more.
      if (exitCode !== 0 && !(await objectExists('container', name))) return [];
      return [searcher, errors].map((one) => ({ name, exitCode, searcher: one }));
    }),
  );
  const found = pairs.flat();
  const bytes = found.reduce((sum, { searcher }) => sum + searcher.bytes, 0);
  return {
    place: 'logs',
    seen: [
      ...new Set([
        ...found.flatMap(({ name, searcher }) => searcher.found.map((key) => `${key} in ${name}`)),
        ...listUnread(found),
      ]),
    ],
    searched: `${formatBytes(bytes)}, the last ${LOG_LINES.toLocaleString('en')} lines of each`,
  };
}

/** What was not read to its end may hold anything. */
function listUnread(read: readonly { name: string; exitCode: number }[]): string[] {
  return read.filter(({ exitCode }) => exitCode !== 0).map(({ name }) => `${name} could not be read`);
}

/** What was found in an image's layers; an image never changes, so a search is good for as long as the secrets are. */
const readLayerCache = map(
  text(200),
  fields({ version: text(200), found: list(text(200), 1000), bytes: whole() }),
  1000,
);
type LayerCache = ReturnType<typeof readLayerCache>;

async function searchLayers(
  images: readonly (readonly [string, string])[],
  { needles, version }: SecretSource,
): Promise<PlaceResult> {
  const cache = await readCache();
  const results: (ArchiveResult & { name: string; problem?: string })[] = [];
  // One after the other: each is bound by the disk.
  for (const [id, name] of images) {
    const known = cache[id];
    if (known?.version === version) results.push({ name, ...known });
    else results.push({ name, ...(await searchImage(id, needles)) });
    const last = results.at(-1);
    if (last && last.problem === undefined) cache[id] = { version, found: last.found, bytes: last.bytes };
  }
  await writeCache(cache, new Set(images.map(([id]) => id)));
  const bytes = results.reduce((sum, result) => sum + result.bytes, 0);
  return {
    place: 'layers',
    seen: results.flatMap(({ name, found, problem }) => [
      ...found.map((key) => `${key} in ${name}`),
      ...(problem ? [`${name}: ${problem}`] : []),
    ]),
    searched: `${formatBytes(bytes)} of ${results.length} images`,
  };
}

async function searchImage(
  id: string,
  needles: readonly Needle[],
): Promise<ArchiveResult & { problem?: string }> {
  let result: ArchiveResult | undefined;
  try {
    const { exitCode, stderr } = await runStreaming(
      ['docker', 'save', id],
      async (output) => {
        result = await searchArchive(output, needles);
      },
      { timeoutMs: LAYERS_MS },
    );
    if (exitCode === 0 && result) return result;
    return { found: [], bytes: 0, problem: `could not be read: ${stderr.trim()}` };
  } catch (error) {
    return { found: [], bytes: 0, problem: (error as Error).message };
  }
}

async function readCache(): Promise<LayerCache> {
  try {
    return readLayerCache(JSON.parse(await readFile(CACHE, 'utf8')), '');
  } catch {
    return {};
  }
}

/** Holds key names and image ids alone. Another run at the same time may win: then it is searched once more. */
async function writeCache(cache: LayerCache, current: ReadonlySet<string>): Promise<void> {
  const kept = Object.entries(cache).filter(([id]) => current.has(id));
  await mkdir(dirname(CACHE), { recursive: true });
  writeWhole(CACHE, JSON.stringify(Object.fromEntries(kept)), { mode: 0o600 });
}
