import { objectExists } from '../docker/inspect.ts';
import { waitForLock } from '../process/lock.ts';
import { run } from '../process/shell.ts';
import { say, sayWarning } from '../terminal/report.ts';
import { BASE_NAMES, type BaseName, explainPull, LABELS, RECIPES } from './base-names.ts';
import { pullImage } from './pull.ts';
import { buildStandIns, readRecipe } from './stand-ins.ts';

/** The image that each base is. */
export type Bases = Record<BaseName, string>;

const OLD_DAYS = 30;
/** Where something else would do, a registry has this long to begin. */
const FIRST_WORD_MS = 20_000;

/**
 * Finds the base images: the official one where this host has it or can pull it, else a stand-in, made where it is
 * missing or its recipe has changed. NODE_BASE, NGINX_BASE and POSTGRES_BASE in the environment name others.
 * @param refresh pulls or makes all of them anew, for security updates
 * @throws DescribedError when neither a registry nor a mirror gives them
 */
export async function resolveBases(refresh = false): Promise<Bases> {
  const [node, nginx, postgres] = await Promise.all([
    findOfficial('node', refresh),
    findOfficial('nginx', refresh),
    findOfficial('postgres', refresh),
  ]);
  const found: Partial<Bases> = { ...node, ...nginx, ...postgres };
  const absent = BASE_NAMES.filter((name) => found[name] === undefined);
  await provideStandIns(absent, refresh);
  const standIns = Object.fromEntries(absent.map((name) => [name, RECIPES[name].standIn]));
  return { ...found, ...standIns } as Bases;
}

async function provideStandIns(names: readonly BaseName[], refresh: boolean): Promise<void> {
  if (refresh) return buildStandIns(names);
  const ages = await Promise.all(names.map(findStandInAge));
  names.forEach((name, index) => {
    const days = ages[index] ?? 0;
    if (days > OLD_DAYS) {
      sayWarning(
        `${RECIPES[name].standIn} is ${days} days old; for security updates: npx tsx scripts/base-images.ts --refresh`,
      );
    }
  });
  if (ages.every((age) => age !== undefined)) return;
  // Another process may be making the same ones: look again when it is done.
  await waitForLock('kidney-genetics-base-images', 'the making of base images', say);
  const still = await Promise.all(names.map(findStandInAge));
  await buildStandIns(names.filter((_, index) => still[index] === undefined));
}

async function findOfficial(name: BaseName, refresh: boolean): Promise<Partial<Bases>> {
  const chosen = process.env[`${name.toUpperCase()}_BASE`];
  if (chosen) return { [name]: chosen };
  const { official, standIn } = RECIPES[name];
  const there = await objectExists('image', official);
  if (there && !refresh) return { [name]: official };
  const fallback = there || (await objectExists('image', standIn));
  const failure = await pullImage(official, fallback && !refresh ? FIRST_WORD_MS : undefined);
  if (failure === undefined) return { [name]: official };
  const why = explainPull(failure);
  if (there) sayWarning(`${official} stays as it is: ${why}`);
  else say(`  ${official} cannot be pulled (${why}): its stand-in takes its place`);
  return there ? { [name]: official } : {};
}

/** @returns its age in days; undefined where it is missing or was made by another recipe */
async function findStandInAge(name: BaseName): Promise<number | undefined> {
  const format = ['--format', '{{json .Config.Labels}}'];
  const { stdout, exitCode } = await run(['docker', 'image', 'inspect', ...format, RECIPES[name].standIn]);
  const labels = (exitCode === 0 ? JSON.parse(stdout) : undefined) as Record<string, string> | undefined;
  if (labels?.[LABELS.recipe] !== readRecipe(name)) return undefined;
  return Math.floor((Date.now() - Date.parse(labels[LABELS.created] ?? '')) / 86_400_000);
}
