import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '../app/contract.ts';
import type { ContainerInfo } from '../docker/containers.ts';
import { DescribedError } from '../process/errors.ts';
import { run } from '../process/shell.ts';
import type { ReplacedService } from './replace-argv.ts';

/** Right after its start a container may still be looking for its neighbours. */
const TRIES = 10;

/** Run inside a backend's container: readiness, and a query that goes through the whole API to the data. */
const ASK_BACKEND = `
const { get } = require('node:http');
const ask = (path) => new Promise((resolve, reject) => {
  get({ host: '127.0.0.1', port: process.env.PORT, path, headers: { host: 'kidney-genetics-backend-service' }, agent: false },
    async (answer) => {
      let body = '';
      for await (const chunk of answer) body += chunk;
      if (answer.headers['x-leaving']) reject('it was told to leave');
      else if (answer.statusCode === 200) resolve(JSON.parse(body));
      else reject(path + ' answers ' + answer.statusCode + ': ' + body.slice(0, 300));
    }).on('error', (error) => reject(path + ': ' + error.message));
});
(async () => {
  await ask('/api/health');
  await ask((process.env.API_V1_STR || '/api/v1') + '${app.list}');
})().catch((problem) => { console.error(problem); process.exitCode = 1; });`;

/** Run inside a frontend's container: nginx itself, the page, and the API through it. */
function frontendChecks(): { path: string; wants: string }[] {
  return [
    { path: '/health', wants: 'healthy' },
    { path: '/', wants: app.pageMark },
    { path: '/api/health', wants: '"status":"ok"' },
  ];
}

/**
 * Asks a container by itself, from inside it, what its users will ask.
 * @throws DescribedError with what it answered
 */
export async function smokeTest(service: ReplacedService, container: ContainerInfo): Promise<void> {
  let problem = '';
  for (let tries = 0; tries < TRIES; tries += 1) {
    problem = await findProblem(service, container);
    if (problem === '') return;
    await sleep(500);
  }
  throw new DescribedError(
    `${container.name} fails its smoke test: ${problem}`,
    `docker logs ${container.name}`,
  );
}

/** Whether a container answers now, and is to go on. */
export async function answersWell(service: ReplacedService, container: ContainerInfo): Promise<boolean> {
  return (await findProblem(service, container)) === '';
}

function findProblem(service: ReplacedService, container: ContainerInfo): Promise<string> {
  return service === 'kidney-genetics-backend-service' ? askBackend(container) : askFrontend(container);
}

async function askBackend({ id }: ContainerInfo): Promise<string> {
  const { exitCode, stderr } = await run(['docker', 'exec', id, 'node', '-e', ASK_BACKEND], {
    timeoutMs: 15_000,
  });
  return exitCode === 0 ? '' : stderr.trim() || `no answer (exit ${exitCode})`;
}

async function askFrontend({ id }: ContainerInfo): Promise<string> {
  for (const { path, wants } of frontendChecks()) {
    const curl = ['curl', '-fsS', '--max-time', '5', '-H', 'Host: kidney-genetics-frontend-service'];
    const argv = ['docker', 'exec', id, ...curl, `http://127.0.0.1${path}`];
    const { exitCode, stdout, stderr } = await run(argv, { timeoutMs: 15_000 });
    if (exitCode !== 0) return `${path}: ${stderr.trim() || `exit ${exitCode}`}`;
    if (!stdout.includes(wants)) return `${path} does not answer what it should`;
  }
  return '';
}
