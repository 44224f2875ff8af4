import type { ContainerInfo } from '../docker/containers.ts';
import { SERVICES } from './stack.ts';

/**
 * Finds the folder of another checkout among those that a stack's containers and data name.
 * @param real the path of a folder without links; undefined when it is gone, as after a checkout was moved, which counts not
 * @param root this checkout, without links
 */
export function findForeign(
  folders: readonly (string | undefined)[],
  real: (folder: string) => string | undefined,
  root: string,
): string | undefined {
  return folders.find((folder) => folder && ![undefined, root].includes(real(folder)));
}

/** The checkout whose compose file lies in a folder: those of the stack in deploy/, that of the proxy in deploy/npm/. */
export function checkoutOf(workingDir: string): string {
  return workingDir.replace(/\/deploy(\/npm)?$/, '');
}

/** A stack of this kit, as it is listed. */
export interface ListedStack {
  name: string;
  mode: string;
  state: string;
  domain: string;
  checkout: string;
}

/**
 * The stacks that containers of this kit's services belong to.
 * @param look reads the domain of a checkout; undefined when it is gone
 */
export function listStacks(
  containers: readonly ContainerInfo[],
  look: (checkout: string) => string | undefined,
): ListedStack[] {
  const names = [...new Set(containers.map(({ project }) => project))];
  return names.map((name) => {
    const own = containers.filter(({ project }) => project === name);
    const checkout = checkoutOf(own[0]?.labels['com.docker.compose.project.working_dir'] ?? '');
    const healthy = own.filter(({ health }) => health === 'healthy').length;
    const domain = look(checkout);
    return {
      name,
      mode: own.find(({ mode }) => mode)?.mode ?? '-',
      state: healthy >= SERVICES.length ? 'healthy' : `${healthy} of ${SERVICES.length} healthy`,
      domain: domain || '-',
      checkout: domain === undefined ? `${checkout} (gone)` : checkout,
    };
  });
}
