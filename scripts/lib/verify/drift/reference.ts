import { inspect } from '../../docker/inspect.ts';
import { ROOT } from '../../process/root.ts';
import { mustRun, run, whenInterrupted } from '../../process/shell.ts';
import type { Environment } from '../../stack/compose-env.ts';
import { composeArgv, type Mode, type StackSettings } from '../../stack/stack.ts';
import {
  type ComposeModel,
  type Inspected,
  ownNames,
  REFERENCE,
  renameForReference,
} from './engine-rules.ts';

/** What Compose makes of the files now: the records of the engine, by the name that each has in the stack. */
export interface Reference {
  containers: ReadonlyMap<string, Inspected>;
  networks: ReadonlyMap<string, Inspected>;
  volumes: ReadonlyMap<string, Inspected>;
}

const HINT = 'see what Docker says; then this again';

/** What Compose reads in the stack's files. @throws DescribedError with what it says */
export async function readModel(
  mode: Mode,
  settings: StackSettings,
  variables: Environment,
): Promise<ComposeModel> {
  const config = composeArgv(mode, settings, ['config', '--format', 'json']);
  return JSON.parse(await mustRun(config, HINT, { cwd: ROOT, env: variables })) as ComposeModel;
}

/**
 * Lets Compose make the stack a second time under other names, starts nothing of it, reads the engine's records and removes it.
 * @param variables of the compose files, which were read as the model
 * @throws DescribedError with what Compose says
 */
export async function makeReference(
  mode: Mode,
  settings: StackSettings,
  variables: Environment,
  model: ComposeModel,
): Promise<Reference> {
  const options = { cwd: ROOT, env: variables };
  const input = JSON.stringify(renameForReference(model));
  // Of a project that is named twice the second name counts.
  const compose = (...args: readonly string[]) =>
    composeArgv(mode, settings, ['-p', `${settings.prefix}${REFERENCE}`, '-f', '-', ...args]);
  const remove = () => run(compose('down', '--volumes'), { ...options, input });
  const done = whenInterrupted(remove);
  try {
    // What a run that was killed left would be taken for this one's.
    await remove();
    await mustRun(compose('create', '--no-build', '--pull', 'never'), HINT, { ...options, input });
    const names = Object.values(model.services).map(({ container_name }) => container_name);
    const [containers, networks, volumes] = await Promise.all([
      inspectReferences('container', names),
      inspectReferences('network', ownNames(model.networks)),
      inspectReferences('volume', ownNames(model.volumes)),
    ]);
    return { containers, networks, volumes };
  } finally {
    await remove();
    done();
  }
}

async function inspectReferences(kind: Kind, names: readonly string[]): Promise<Map<string, Inspected>> {
  const found = await inspectWhole(
    kind,
    names.map((name) => `${name}${REFERENCE}`),
  );
  return new Map(names.flatMap((name, index) => (found[index] ? [[name, found[index]] as const] : [])));
}

type Kind = 'container' | 'network' | 'volume';

/** The engine's records with all of their fields, in the order of the names; what is not there is left out. */
export async function inspectWhole(kind: Kind, names: readonly string[]): Promise<Inspected[]> {
  return (await inspect(kind, names)).map((one) => ({ ...one }));
}
