import { readFile } from 'node:fs/promises';
import { objectExists } from '../../docker/inspect.ts';
import { listStack } from '../../stack/containers.ts';
import { allowsHost } from '../../stack/env-rules.ts';
import { readEnvText } from '../../stack/env-text-rules.ts';
import { containerName, type StackSettings } from '../../stack/stack.ts';
import { sayWarning } from '../../terminal/report.ts';
import { findNpmOfHost } from './container.ts';

/** The warnings that the proxy host itself does not show: a stack that is away or does not know the domain. */
export async function warnOfStack(settings: StackSettings, domain: string, container: string): Promise<void> {
  const { network } = settings;
  if (!(await objectExists('network', network))) {
    return sayWarning(`The network ${network}, over which NPM reaches the stack, is not on this host`);
  }
  if (!container) await warnOfNpm(network);
  const frontend = containerName(settings, 'kidney-genetics-frontend-service');
  if (!(await listStack(settings)).some(({ name, mode }) => name === frontend && mode === 'production')) {
    sayWarning(`${frontend} is not up in production: NPM answers 502 until it is (make prod-up)`);
  }
  const text = await readFile(settings.envFile, 'utf8').catch(() => '');
  if (!allowsHost(readEnvText(text).values.ALLOWED_HOSTS ?? '', domain)) {
    sayWarning(`The API refuses ${domain} until it is in ALLOWED_HOSTS of the env file; then: make prod-up`);
  }
}

async function warnOfNpm(network: string): Promise<void> {
  if (await warnOfNpmOfHost(network)) return;
  sayWarning(
    `No Nginx Proxy Manager is on ${network}; if it runs on this host: docker network connect ${network} YOUR_NPM_CONTAINER`,
  );
}

/**
 * Warns of an NPM that shares the host's network: `docker network connect` fails for it, and the names of the stack mean nothing there.
 * @returns whether there is one
 */
export async function warnOfNpmOfHost(network: string): Promise<boolean> {
  const npm = await findNpmOfHost();
  if (!npm) return false;
  sayWarning(
    `${npm.name} shares the host's network and cannot join ${network}: take network_mode: host out of its compose file, publish 80, 443 and 127.0.0.1:81 there, and give it the network ${network} (docs/deployment/npm-deployment.md, section 4)`,
  );
  return true;
}
