/** What a throwaway container may be given beyond the least. */
export interface Sandbox {
  /** A network to join; none without it. */
  network?: string;
  /** Bytes as Docker writes them. */
  memory?: string;
  pids?: number;
  /** Of an image that names none, such as a base. */
  user?: string;
}

/** What the Docker client fills from its config.json in each container, where it is not set: man docker-run, `--env`. */
export const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap(
  (name) => [name, name.toLowerCase()],
);

/**
 * The flags of every container that the kit runs beside the services: it can write nowhere, gain no right, reach nobody,
 * and take little of the host (CIS Docker 5.4, 5.11, 5.13, 5.26, 5.29, OWASP Docker rules 3, 4, 7 and 8). An image that is
 * gone is not fetched, no health check of the image runs, and no proxy of the Docker client's config.json is asked.
 */
export function sandboxArgv({ network = 'none', memory = '256m', pids = 64, user }: Sandbox = {}): string[] {
  return [
    ...['--pull', 'never', '--no-healthcheck', '--network', network, '--read-only'],
    ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
    ...['--memory', memory, '--cpus', '1', '--pids-limit', String(pids), '--ulimit', 'core=0'],
    ...PROXY_VARIABLES.flatMap((name) => ['--env', `${name}=`]),
    ...(user === undefined ? [] : ['--user', user]),
  ];
}
