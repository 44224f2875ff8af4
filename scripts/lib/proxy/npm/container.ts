import { type ContainerInfo, listContainers } from '../../docker/containers.ts';
import { mustRun, run } from '../../process/shell.ts';
import { zoneLine } from './host-rules.ts';

/** Where NPM's nginx reads what the http block shall hold beside NPM's own. */
const HTTP_TOP = '/data/nginx/custom/http_top.conf';
const FILES = [HTTP_TOP, '/data/nginx/custom/http.conf'];

/**
 * NPM's container on the shared network, where Docker is at hand and there is one; NPM_CONTAINER names another.
 */
export async function findNpmContainer(network: string): Promise<ContainerInfo | undefined> {
  if ((await run(['docker', 'network', 'inspect', network])).exitCode !== 0) return undefined;
  const members = await listContainers(`network=${network}`);
  const named = process.env.NPM_CONTAINER;
  const isNpm = ({ name, image }: ContainerInfo) =>
    named ? name === named : /nginx-proxy-manager|npm-?plus/i.test(image);
  return members.find((member) => member.state === 'running' && isNpm(member));
}

/** Whether the zone of the rate limit is among what NPM's nginx reads. */
export async function hasZone(container: string, zone: string): Promise<boolean> {
  const { stdout } = await run(['docker', 'exec', container, 'cat', ...FILES]);
  return new RegExp(`^\\s*limit_req_zone\\s[^#]*\\bzone=${zone}:`, 'm').test(stdout);
}

/** Gives NPM's nginx the zone, which counts nothing until a host uses it. */
export async function addZone(container: string, zone: string): Promise<void> {
  const append = 'mkdir -p "$(dirname "$0")" && cat >>"$0"';
  await mustRun(
    ['docker', 'exec', '-i', container, 'sh', '-c', append, HTTP_TOP],
    `docker logs ${container}`,
    {
      input: `${zoneLine(zone)}\n`,
    },
  );
}

/** The command that gives NPM's nginx the zone. */
export function addZoneCommand(container: string, zone: string): string {
  const folder = HTTP_TOP.replace(/\/[^/]*$/, '');
  return `docker exec ${container} sh -c 'mkdir -p ${folder} && echo "${zoneLine(zone).replace('$', '\\$')}" >> ${HTTP_TOP}'`;
}
