import { existsSync, realpathSync } from 'node:fs';
import { objectExists } from '../docker/inspect.ts';
import { DescribedError, Exit } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { run } from '../process/shell.ts';
import { checkoutOf, findForeign } from './checkout-rules.ts';
import { loadSettings } from './project.ts';
import { npmProject, readSettings, type StackSettings, volumeName } from './stack.ts';

/** The label of a volume of ours that says which checkout made it. */
const CHECKOUT_LABEL = 'kidney-genetics.checkout';

/**
 * The settings of this checkout's stack, for whatever reads or changes it: a stack of the same name that another checkout runs
 * has other secrets and a history of its own.
 * @param withNpm whether the command works on the Nginx Proxy Manager that `make npm-up` has made as well
 * @throws DescribedError as `loadSettings`, and (exit 3) when the containers or the data are another checkout's; not when that
 *   one is gone, as after it was moved
 */
export async function openStack(withNpm = false): Promise<StackSettings> {
  const settings = loadSettings();
  const projects = [settings.prefix, ...(withNpm ? [npmProject(settings)] : [])];
  const [made, ...found] = await Promise.all([readMaker(settings), ...projects.map(listWorkingDirs)]);
  const runs = found.flat();
  const folder = findForeign([...runs.map(checkoutOf), made], realFolder, realpathSync(ROOT));
  if (!folder) return settings;
  const what = runs.length > 0 ? `${settings.prefix} runs from` : `The data of ${settings.prefix} belong to`;
  throw new DescribedError(
    `${what} another checkout, ${folder}, with the secrets that are there`,
    `cd ${folder}; a stack beside it takes a name of its own: make prod-env STACK_PREFIX=my-copy`,
    Exit.missing,
  );
}

function realFolder(folder: string): string | undefined {
  return existsSync(folder) ? realpathSync(folder) : undefined;
}

/** The folders of the compose files that the stack's containers were made from; none when the engine does not answer. */
async function listWorkingDirs(project: string): Promise<string[]> {
  const filter = `label=com.docker.compose.project=${project}`;
  const format = '{{.Label "com.docker.compose.project.working_dir"}}';
  const { stdout } = await run(['docker', 'ps', '-a', '--filter', filter, '--format', format]);
  return [...new Set(stdout.split('\n').filter(Boolean))];
}

async function readMaker(settings: StackSettings): Promise<string> {
  const format = `{{index .Labels "${CHECKOUT_LABEL}"}}`;
  const { stdout } = await run(['docker', 'volume', 'inspect', '--format', format, volumeName(settings)]);
  return stdout.trim();
}

/** The labels of what this checkout makes on the host for good. */
export function checkoutLabels(): string[] {
  return ['--label', `${CHECKOUT_LABEL}=${realpathSync(ROOT)}`];
}

/**
 * A stack with containers or data keeps its name: under another one it would begin without them, and they would belong to nobody.
 * Those of another checkout, under the name that this one had at first, are none of its own.
 * @param hasHistory whether a stack of that name was ever up from here; volumes of older versions do not say who made them
 * @throws DescribedError
 */
export async function assertMayRename(
  current: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string>>,
  hasHistory: (prefix: string) => boolean,
): Promise<void> {
  if (changes.STACK_PREFIX === undefined) return;
  const settings = readSettings(current, '');
  const [runs, made, data] = await Promise.all([
    listWorkingDirs(settings.prefix),
    readMaker(settings),
    objectExists('volume', volumeName(settings)),
  ]);
  const folders = [...runs.map(checkoutOf), made];
  const root = realpathSync(ROOT);
  if (findForeign(folders, realFolder, root)) return;
  const isOwn = folders.some((one) => one !== '' && realFolder(one) === root);
  if (!isOwn && !(data && hasHistory(settings.prefix))) return;
  throw new DescribedError(
    `This checkout's stack is ${settings.prefix}, which has ${data ? `data (${volumeName(settings)})` : 'containers'}`,
    'a second stack belongs into a checkout of its own: git clone, then there make prod-env STACK_PREFIX=...',
  );
}
