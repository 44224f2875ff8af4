import { type ContainerInfo, listContainers } from '../../docker/containers.ts';
import { mustRun, run } from '../../process/shell.ts';
import { zoneLine } from './advanced-rules.ts';
import { findServerNames } from './host-rules.ts';

/** Where NPM's nginx reads what the http block shall hold beside NPM's own; NPMplus has another folder, by its age. */
const FOLDERS = ['/data/custom_nginx', '/data/nginx_custom', '/data/nginx/custom'];
const FILES = FOLDERS.flatMap((folder) => ['http_top.conf', 'http.conf'].map((file) => `${folder}/${file}`));
const ORDER_LOG = '/data/logs/letsencrypt.log';

/**
 * NPM's container on the shared network, where Docker is at hand and there is one; NPM_CONTAINER names another.
 */
export async function findNpmContainer(network: string): Promise<ContainerInfo | undefined> {
  if ((await run(['docker', 'network', 'inspect', network])).exitCode !== 0) return undefined;
  return (await listContainers(`network=${network}`)).find(isNpm);
}

/** An NPM that shares the host's network: no other network can be joined from there. */
export async function findNpmOfHost(): Promise<ContainerInfo | undefined> {
  return (await listContainers('network=host')).find(isNpm);
}

function isNpm({ name, image, state }: ContainerInfo): boolean {
  const named = process.env.NPM_CONTAINER;
  const fits = named ? name === named : /nginx-proxy-manager|npm-?plus/i.test(image);
  return fits && state === 'running';
}

/** Whether the zone of the rate limit is among what NPM's nginx reads. */
export async function hasZone(container: string, zone: string): Promise<boolean> {
  return new RegExp(`^\\s*limit_req_zone\\s[^#]*\\bzone=${zone}:`, 'm').test(
    await readFiles(container, FILES),
  );
}

/** Gives NPM's nginx the zone, which counts nothing until a host uses it. */
export async function addZone(container: string, zone: string): Promise<void> {
  const append = 'mkdir -p "$(dirname "$0")" && cat >>"$0"';
  const input = `${zoneLine(zone)}\n`;
  const argv = ['docker', 'exec', '-i', container, 'sh', '-c', append, await findHttpTop(container)];
  await mustRun(argv, `docker logs ${container}`, { input });
}

/** The command that gives NPM's nginx the zone. */
export async function addZoneCommand(container: string, zone: string): Promise<string> {
  const file = await findHttpTop(container);
  const folder = file.replace(/\/[^/]*$/, '');
  return `docker exec ${container || 'YOUR_NPM_CONTAINER'} sh -c 'mkdir -p ${folder} && echo "${zoneLine(zone).replace('$', '\\$')}" >> ${file}'`;
}

/** The file that is there to be added to; NPM's own where no folder is there yet, or none can be seen. */
async function findHttpTop(container: string): Promise<string> {
  const find = `for d in ${FOLDERS.join(' ')}; do [ ! -d $d ] || break; done; echo $d`;
  const found = container ? await run(['docker', 'exec', container, 'sh', '-c', find]) : undefined;
  const folder = FOLDERS.find((one) => one === found?.stdout.trim()) ?? FOLDERS.at(-1);
  return `${folder}/http_top.conf`;
}

/** The nginx configuration that NPM wrote for a proxy host; empty where it cannot be read. */
export function readHostConfig(container: string, id: number): Promise<string> {
  return readFiles(container, [`/data/nginx/proxy_host/${id}.conf`]);
}

/** The names of the proxy host that serves a domain, in the words of NPM's nginx; none where that is not seen. */
export async function readNames(container: string, domain: string): Promise<string[]> {
  const argv = ['docker', 'exec', container, 'sh', '-c', 'cat /data/nginx/proxy_host/*.conf'];
  return findServerNames((await run(argv)).stdout, domain);
}

/** Certbot's log of its last run. */
export function readOrderLog(container: string): Promise<string> {
  return readFiles(container, [ORDER_LOG]);
}

async function readFiles(container: string, files: readonly string[]): Promise<string> {
  return (await run(['docker', 'exec', container, 'cat', ...files])).stdout;
}
