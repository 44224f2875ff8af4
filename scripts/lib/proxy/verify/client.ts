import { randomBytes } from 'node:crypto';
import { app } from '../../app/contract.ts';
import { findContainer } from '../../docker/containers.ts';
import { run } from '../../process/shell.ts';
import { waitUntil } from '../../process/wait.ts';
import { containerName } from '../../stack/stack.ts';
import { type Finding, skip } from '../../verify/check.ts';
import type { Context, ProxyCheck, ProxyFinding } from './check.ts';
import { findCdn, findClient, judgeClient, judgeForged } from './rules.ts';

const LOG_MS = 6000;
/** Of the nets for documentation (RFC 5737): nobody's. */
const FORGED = ['192.0.2.66', '198.51.100.66', '203.0.113.66'] as const;

/** Sends a request with an id of its own and waits for it in the API's log. @returns the client that is named there */
async function askAndFind(
  context: Context,
  headers: Record<string, string> = {},
): Promise<string | undefined> {
  const id = `npm-verify-${randomBytes(8).toString('hex')}`;
  const container = containerName(context.settings, 'kidney-genetics-backend-service');
  await context.site.ask(`/api/v1${app.list}`, { headers: { ...headers, 'X-Request-Id': id } });
  return waitUntil(async () => {
    const { stdout, stderr } = await run(['docker', 'logs', '--since', '1m', container]);
    return findClient(stdout + stderr, id) || undefined;
  }, LOG_MS);
}

/** The reason why the log cannot be read here. */
async function findNoLog({ settings }: Context): Promise<string | undefined> {
  const name = containerName(settings, 'kidney-genetics-backend-service');
  if ((await run(['docker', 'inspect', '--type', 'container', name])).exitCode !== 0) {
    return `${name} is not on this host, and so neither is its log`;
  }
  const container = await findContainer(name);
  return container?.state === 'running' ? undefined : `${name} does not run`;
}

async function checkClient(context: Context): Promise<ProxyFinding> {
  const noLog = await findNoLog(context);
  if (noLog) return skip(noLog);
  const cdn = findCdn(await context.site.get('/'));
  return judgeClient(await askAndFind(context), await context.site.localAddress(), cdn);
}

async function checkForged(context: Context): Promise<Finding> {
  const noLog = await findNoLog(context);
  if (noLog) return skip(noLog);
  const [one, two, three] = FORGED;
  const lies = [
    { header: 'X-Forwarded-For', claimed: one, sent: { 'X-Forwarded-For': one } },
    { header: 'X-Real-IP', claimed: two, sent: { 'X-Real-IP': two } },
    { header: 'Forwarded', claimed: three, sent: { Forwarded: `for=${three}` } },
  ];
  const [honest, ...seen] = await Promise.all([
    askAndFind(context),
    ...lies.map(({ sent }) => askAndFind(context, sent)),
  ]);
  const forged = lies.map(({ header, claimed }, index) => ({ header, claimed, seen: seen[index] }));
  return judgeForged(honest, forged, await context.site.localAddress());
}

const MEND =
  'make npm-proxy-host DOMAIN=...; remove proxy_set_header from the host’s advanced configuration in NPM';

/** Who the API thinks is asking. */
export const CLIENT: readonly ProxyCheck[] = [
  {
    id: 'client-address',
    family: 'client',
    title: 'The API’s log names the real client',
    source: 'OWASP Logging Cheat Sheet: source address',
    fix: `${MEND}; with IPv6, Docker’s userland proxy hides clients: docs/operations/nginx-proxy-manager.md`,
    run: checkClient,
  },
  {
    id: 'client-forged',
    family: 'client',
    title: 'A forged header does not change the client',
    source: 'RFC 7239, section 8.1',
    fix: MEND,
    run: checkForged,
  },
];
