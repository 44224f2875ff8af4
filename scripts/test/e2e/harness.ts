import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerInfo } from '../../lib/docker/containers.ts';
import { IMAGES } from '../../lib/images/build-argv.ts';
import { commandArgv } from '../../lib/process/command.ts';
import { lockPath } from '../../lib/process/lock.ts';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, type RunResult, run } from '../../lib/process/shell.ts';
import { stateDir } from '../../lib/release/history.ts';
import { imageName, listImageTags } from '../../lib/release/releases.ts';
import { secretsDir } from '../../lib/secrets/secrets.ts';
import { listStack } from '../../lib/stack/containers.ts';
import { changeEnvText } from '../../lib/stack/env-text-rules.ts';
import { loadSettings } from '../../lib/stack/project.ts';
import { readSettings, type StackSettings, volumeName } from '../../lib/stack/stack.ts';

const HINT = 'see the output above';
/** How long one question of `until` may take. */
const ASK_MS = 30_000;

/** Begins every name that a test gives; another one lets two checkouts be tested side by side. */
export const TEST_PREFIX = process.env.TEST_PREFIX || 'kgt';

/** A stack of a test's own: names, network, ports, env file, data. It never meets the stack of the host's operator. */
export class TestStack {
  readonly settings: StackSettings;
  readonly env: Record<string, string>;
  private readonly folder: string;

  private constructor(env: Record<string, string>, folder: string) {
    this.env = env;
    this.folder = folder;
    this.settings = readSettings(env, env.ENV_FILE ?? '');
  }

  /**
   * Prepares names, free ports, an env file with fresh secrets and the images; starts nothing.
   * @param name tells this stack from those of other tests
   * @param given settings other than its own, such as the NPM_NETWORK of another one
   */
  static async create(name: string, given: Record<string, string> = {}): Promise<TestStack> {
    const prefix = `${TEST_PREFIX}-${name}`;
    const folder = mkdtempSync(join(tmpdir(), `${prefix}-`));
    const [frontend, backend, postgres] = await Promise.all([freePort(), freePort(), freePort()]);
    const stack = new TestStack(
      {
        STACK_PREFIX: prefix,
        NPM_NETWORK: `${prefix}-proxy`,
        ENV_FILE: join(folder, 'env'),
        BACKUP_DIR: join(folder, 'backups'),
        TEST_FRONTEND_PORT: String(frontend),
        TEST_BACKEND_PORT: String(backend),
        TEST_POSTGRES_PORT: String(postgres),
        ...given,
      },
      folder,
    );
    await stack.destroy();
    for (const image of IMAGES) {
      await mustRun(
        ['docker', 'tag', `${loadSettings().prefix}-${image}:latest`, `${prefix}-${image}:latest`],
        'make prod-build',
      );
    }
    await stack.script('prod-env');
    return stack;
  }

  /**
   * Runs a script as its make target does.
   * @param under a program and its arguments that start it: nsenter --net=...
   */
  script(
    name: string,
    args: readonly string[] = [],
    env: Record<string, string> = {},
    under: readonly string[] = [],
  ): Promise<RunResult> {
    const argv = [...under, ...commandArgv(name, args)];
    return run(argv, { cwd: ROOT, env: { ...this.env, ...env }, timeoutMs: 240_000 });
  }

  /** Runs a script that has to succeed, and gives what it printed. */
  async mustScript(name: string, args: readonly string[] = []): Promise<string> {
    const result = await this.script(name, args);
    if (result.exitCode !== 0) {
      throw new Error(
        `${name} ${args.join(' ')} (exit ${result.exitCode}):\n${result.stdout}${result.stderr}`,
      );
    }
    return result.stdout;
  }

  /** Changes one key of the env file. */
  setEnv(key: string, value: string): void {
    const text = readFileSync(this.settings.envFile, 'utf8');
    writeFileSync(this.settings.envFile, changeEnvText(text, { [key]: value }));
    chmodSync(this.settings.envFile, 0o600);
  }

  /** The folder of this stack's throwaway files. */
  get tmp(): string {
    return this.folder;
  }

  name(service: 'frontend' | 'backend' | 'postgres'): string {
    return `${this.settings.prefix}-${service}`;
  }

  async container(service: 'frontend' | 'backend' | 'postgres'): Promise<ContainerInfo> {
    const found = (await listStack(this.settings)).find(({ name }) => name === this.name(service));
    if (!found) throw new Error(`${this.name(service)} is not there`);
    return found;
  }

  /** Runs JavaScript with Node 24 (fetch, WebSocket) in a throwaway container on a network of this stack. */
  async nodeOn(network: string, code: string): Promise<RunResult> {
    const argv = ['docker', 'run', '--rm', '--network', network, `${this.settings.prefix}-backend:latest`];
    return run([...argv, 'node', '--input-type=module', '-e', code], { timeoutMs: 60_000 });
  }

  /** Runs SQL as the superuser over the socket, and gives the bare result. */
  async sql(statement: string): Promise<string> {
    const psql = ['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-d', 'kidney_genetics'];
    const out = await mustRun(['docker', 'exec', '-i', this.name('postgres'), ...psql], HINT, {
      input: statement,
    });
    return out.trim();
  }

  /** Runs SQL as the application's role, who owns the database and signs in as the API does, by its password over TCP. */
  async ownerSql(statement: string): Promise<string> {
    const psql = `psql -XqAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -U kidney_user -d kidney_genetics`;
    const shell = `PGPASSWORD="$(cat /run/secrets/postgres_password)" exec ${psql}`;
    const argv = ['docker', 'exec', '-i', this.name('postgres'), 'sh', '-c', shell];
    return (await mustRun(argv, HINT, { input: statement })).trim();
  }

  /** Waits until every container is healthy, without any command of the kit. */
  async untilHealthy(timeoutMs = 90_000): Promise<void> {
    await until(`${this.settings.prefix} healthy`, timeoutMs, async () => {
      const all = await listStack(this.settings);
      return (
        all.length === 3 && all.every(({ state, health }) => state === 'running' && health === 'healthy')
      );
    });
  }

  /** Removes everything that carries this stack's prefix, the volume too. */
  async destroy(): Promise<void> {
    const { prefix, network } = this.settings;
    const ids = await run(['docker', 'ps', '-aq', '--filter', `name=^/${prefix}-`]);
    const containers = ids.stdout.split('\n').filter(Boolean);
    if (containers.length > 0) await run(['docker', 'rm', '-f', '-v', ...containers]);
    await run([
      'docker',
      'network',
      'rm',
      network,
      ...['internal', 'api', 'test'].map((name) => `${prefix}-${name}`),
    ]);
    await run(['docker', 'volume', 'rm', volumeName(this.settings)]);
    rmSync(secretsDir(prefix), { recursive: true, force: true });
    rmSync(stateDir(prefix), { recursive: true, force: true });
    for (const name of [prefix, `${prefix}-npm`]) rmSync(lockPath(name), { force: true });
  }

  /** `destroy`, the images' extra names and the throwaway files as well. */
  async dispose(): Promise<void> {
    await this.destroy();
    const tags = await listImageTags(this.settings);
    const names = tags.map(({ image, tag }) => imageName(this.settings, image, tag));
    if (names.length > 0) await run(['docker', 'rmi', ...names]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A script that goes on by itself. */
export interface Started {
  child: ChildProcess;
  /** Its exit code; null when a signal ended it. */
  ended: Promise<number | null>;
  /** What it has printed so far. */
  said(): string;
}

/** Starts a script as its make target does, and leaves it running: to be ended at a chosen moment. */
export function startScript(stack: TestStack, name: string, args: readonly string[] = []): Started {
  const [node = '', ...argv] = commandArgv(name, args);
  const env = { ...process.env, ...stack.env };
  const child = spawn(node, argv, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += String(chunk);
  });
  return { child, ended: new Promise((resolve) => child.on('exit', resolve)), said: () => said };
}

/**
 * Asks until the answer is yes.
 * @param pauseMs between two questions
 * @param ask may throw: what it threw last is told when time is up
 * @throws Error that names what was waited for, and what the last question ended with
 */
export async function until(
  what: string,
  timeoutMs: number,
  ask: () => Promise<boolean>,
  pauseMs = 250,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const answer = await answerOf(ask);
    if (answer === true) return;
    if (Date.now() > end) throw new Error(`Not within ${timeoutMs / 1000} s: ${what} (last: ${answer})`);
    await sleep(pauseMs);
  }
}

/** A question that gets no answer is given up: Node's fetch can wait for ever for a port that nobody has opened yet. */
async function answerOf(ask: () => Promise<boolean>): Promise<true | string> {
  const answered = new AbortController();
  const giveUp = sleep(ASK_MS, `no answer in ${ASK_MS / 1000} s`, { signal: answered.signal });
  try {
    const answer = await Promise.race([ask(), giveUp]);
    return answer === false ? 'no' : answer;
  } catch (error) {
    const { message, cause } = error as Error;
    return cause instanceof Error ? `${message}: ${cause.message}` : message;
  } finally {
    answered.abort();
  }
}

/** Below the ports that the kernel gives to outgoing connections: one of those could take the port before its stack does. */
const PORTS = { from: 20_000, count: 12_000 };

/** A TCP port of 127.0.0.1 that nobody uses now. */
export async function freePort(): Promise<number> {
  const port = PORTS.from + Math.floor(Math.random() * PORTS.count);
  return (await isFree(port)) ? port : freePort();
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
