import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { loadSettings } from '../../lib/stack/project.ts';
import { TEST_PREFIX } from './harness.ts';

const IMAGE = `${loadSettings().prefix}-frontend:latest`;
/** Only Node is used of it. */
const NODE_IMAGE = `${loadSettings().prefix}-backend:latest`;
const BACKEND = join(ROOT, 'scripts/test/e2e/nginx-backend.ts');
const PREFIX = `${TEST_PREFIX}-nginx`;
const HINT = 'make prod-build';

export interface Answer {
  what: string;
  status: number;
  /** Lower-case names; a header that came twice has two values. */
  headers: Map<string, string[]>;
  body: Buffer;
  /** Head and body as they went over the wire, without chunk lengths. */
  wireBytes: number;
}

/** One value of a header, or undefined; more than one is an error. */
export function header(answer: Answer, name: string): string | undefined {
  const values = answer.headers.get(name) ?? [];
  if (values.length > 1) throw new Error(`${name} came ${values.length} times on ${answer.what}`);
  return values[0];
}

/** The frontend image as production runs it, on a network of its own, with stand-ins for the backend. */
export class NginxStage {
  readonly nginx = `${PREFIX}-nginx`;
  readonly network = `${PREFIX}-private`;
  /** A network whose addresses are public ones: who asks from here is no trusted proxy. */
  readonly outside = `${PREFIX}-public`;
  /** Every answer so far, for what has to hold on all of them. */
  readonly seen: Answer[] = [];
  port = 0;

  async start(): Promise<void> {
    await this.dispose();
    const subnet = `198.18.${Math.floor(Math.random() * 256)}.0/24`;
    await this.docker('network', 'create', this.network);
    await this.docker('network', 'create', '--subnet', subnet, this.outside);
    await this.docker(
      ...['run', '--detach', '--name', this.nginx, '--network', this.network, '--publish', '127.0.0.1::80'],
      ...['--user', '101', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
      ...['--tmpfs', '/tmp:uid=101,gid=101,mode=0700,size=64m,noexec,nosuid,nodev'],
      ...['--cpus', '1', '--memory', '256m', '--pids-limit', '50', IMAGE],
    );
    await this.docker('network', 'connect', this.outside, this.nginx);
    this.port = Number((await this.docker('port', this.nginx, '80/tcp')).split(':').at(-1));
  }

  /** Starts a stand-in for the backend under the name that nginx looks for; `code` replaces the server. */
  async startBackend(name: string, code?: string): Promise<void> {
    await this.docker(
      ...['run', '--detach', '--init', '--name', `${PREFIX}-${name}`, '--env', `NAME=${name}`],
      ...['--network', this.network, '--network-alias', 'kidney-genetics-backend'],
      ...['--volume', `${BACKEND}:/backend.ts:ro`, '--entrypoint', 'node', NODE_IMAGE],
      ...(code === undefined ? ['/backend.ts'] : ['-e', code]),
    );
  }

  /** Takes an address of the private network and does nothing. */
  async occupyAddress(name: string): Promise<void> {
    await this.docker(
      ...['run', '--detach', '--init', '--name', `${PREFIX}-${name}`, '--network', this.network],
      ...['--entrypoint', 'node', NODE_IMAGE, '-e', 'setInterval(() => {}, 1e6)'],
    );
  }

  async remove(name: string): Promise<void> {
    await this.docker('rm', '--force', '--volumes', `${PREFIX}-${name}`);
  }

  /** Lets a container finish as an update does. */
  async stop(name: string): Promise<void> {
    await this.docker('stop', `${PREFIX}-${name}`);
  }

  /** The address that a container has on one of the networks. */
  async addressOf(container: string, network: string): Promise<string> {
    const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
    return (await this.docker('inspect', '--format', format, container)).trim();
  }

  async addressOfBackend(name: string): Promise<string> {
    return this.addressOf(`${PREFIX}-${name}`, this.network);
  }

  /** Runs JavaScript in a container that is on the public network alone; gives what it prints. */
  async fromOutside(code: string): Promise<string> {
    return this.docker(
      ...['run', '--rm', '--name', `${PREFIX}-stranger`, '--network', this.outside],
      ...['--entrypoint', 'node', NODE_IMAGE, '--input-type=module', '-e', code],
    );
  }

  /** Asks nginx as a proxy on the private network would. */
  async ask(
    path: string,
    options: { method?: string; headers?: OutgoingHttpHeaders; body?: string } = {},
  ): Promise<Answer> {
    const { method = 'GET', headers = {}, body } = options;
    const answer = await new Promise<Answer>((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port: this.port, path, method, headers, agent: false });
      asked.on('response', (response) => collect(`${method} ${path}`, response).then(resolve, reject));
      asked.on('error', reject);
      asked.setTimeout(8000, () => asked.destroy(new Error(`${method} ${path} was not answered`)));
      asked.end(body);
    });
    this.seen.push(answer);
    return answer;
  }

  /** `ask`, for answers in JSON. */
  async askJson<T>(
    path: string,
    options: { method?: string; headers?: OutgoingHttpHeaders; body?: string } = {},
  ): Promise<T> {
    return JSON.parse((await this.ask(path, options)).body.toString()) as T;
  }

  /** Writes bytes as they are, and gives all that comes until the connection is closed. */
  raw(bytes: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const socket = connect(this.port, '127.0.0.1', () => socket.write(bytes));
      socket.setTimeout(8000, () => socket.destroy(new Error('the connection was left open')));
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('error', reject);
      socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
    });
  }

  /** Runs a command in the nginx container. */
  async inNginx(...argv: string[]): Promise<string> {
    return this.docker('exec', this.nginx, ...argv);
  }

  /** What nginx wrote: the access log on stdout, errors on stderr. */
  async logs(): Promise<{ stdout: string; stderr: string }> {
    return run(['docker', 'logs', this.nginx]);
  }

  async docker(...argv: string[]): Promise<string> {
    return mustRun(['docker', ...argv], HINT, { timeoutMs: 60_000 });
  }

  async dispose(): Promise<void> {
    const ids = await run(['docker', 'ps', '--all', '--quiet', '--filter', `name=^/${PREFIX}-`]);
    const containers = ids.stdout.split('\n').filter(Boolean);
    if (containers.length > 0) await run(['docker', 'rm', '--force', '--volumes', ...containers]);
    await run(['docker', 'network', 'rm', '--force', this.network, this.outside]);
  }
}

async function collect(what: string, response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const headers = new Map<string, string[]>();
  let wireBytes = body.length + `HTTP/1.1 ${response.statusCode} ${response.statusMessage}\r\n\r\n`.length;
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    const [name = '', value = ''] = response.rawHeaders.slice(index, index + 2);
    wireBytes += name.length + value.length + 4;
    headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value]);
  }
  return { what, status: response.statusCode ?? 0, headers, body, wireBytes };
}
