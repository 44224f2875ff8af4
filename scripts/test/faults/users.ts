import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, openPipe, type PipedProcess, run } from '../../lib/process/shell.ts';
import { loadEnvFile } from '../../lib/stack/env-file.ts';
import { makeToken } from '../e2e/edits.ts';
import { freePort, type TestStack, until } from '../e2e/harness.ts';
import { npmLikeName, startNpmLike } from '../e2e/npm-like.ts';
import { type Asked, isGood } from './outage.ts';

const CLIENT = join(ROOT, 'scripts/test/faults/client.ts');
const HINT = 'see the output above';
/** So long without a failure counts as served again. */
const QUIET_MS = 1500;

/** Users of a stack in production mode, who ask all the time; see client.ts. */
export abstract class Users {
  protected readonly stack: TestStack;

  constructor(stack: TestStack) {
    this.stack = stack;
  }

  /** Lets them begin, and waits until they are served. */
  abstract start(): Promise<void>;

  /** What they asked and got, of all that ended since a moment. */
  abstract asked(since: number): Promise<Asked[]>;

  abstract stop(): Promise<void>;

  /** Waits until page, searches and edits have all been answered well for a while, from now on. */
  untilServed(timeoutMs: number): Promise<void> {
    const begin = Date.now();
    return until('page, searches and edits are answered', timeoutMs, async () => {
      if (Date.now() < begin + QUIET_MS) return false;
      const recent = await this.asked(Date.now() - QUIET_MS);
      const served = (['page', 'search', 'edit'] as const).every((kind) =>
        recent.some((one) => one.kind === kind),
      );
      return served && recent.every(isGood);
    });
  }

  /** @returns the file with a token that lets them edit */
  protected async writeToken(): Promise<string> {
    const token = join(this.stack.tmp, 'token');
    const { SECRET_KEY = '' } = await loadEnvFile(this.stack.settings.envFile);
    writeFileSync(token, makeToken(SECRET_KEY), { mode: 0o444 });
    return token;
  }
}

/** In a container on the proxy's network. */
export class InsideUsers extends Users {
  private get name(): string {
    return `${this.stack.settings.prefix}-users`;
  }

  async start(): Promise<void> {
    const volumes = ['--volume', `${CLIENT}:/client.ts:ro`];
    const token = ['--volume', `${await this.writeToken()}:/run/token:ro`];
    const place = ['--name', this.name, '--network', this.stack.settings.network];
    const life = ['--init', '--restart', 'unless-stopped'];
    const image = `${this.stack.settings.prefix}-backend:latest`;
    await mustRun(
      ['docker', 'run', '--detach', ...life, ...place, ...volumes, ...token, image, 'node', '/client.ts'],
      HINT,
    );
    await this.untilServed(30_000);
  }

  async asked(since: number): Promise<Asked[]> {
    const { stdout } = await run(['docker', 'logs', '--since', new Date(since).toISOString(), this.name]);
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Asked);
  }

  async stop(): Promise<void> {
    await run(['docker', 'rm', '--force', this.name]);
  }
}

/** On the host, through a port that a proxy like Nginx Proxy Manager publishes: they live on when the engine does not. */
export class OutsideUsers extends Users {
  private client: PipedProcess | undefined;
  private readonly all: Asked[] = [];

  async start(): Promise<void> {
    const port = await freePort();
    // The engine's programs serve 127.0.0.1 and end with it; the kernel serves the other addresses of the host.
    const address = await mustRun(
      ['docker', 'network', 'inspect', 'bridge', '--format', '{{(index .IPAM.Config 0).Gateway}}'],
      HINT,
    );
    const target = `${address.trim()}:${port}`;
    await startNpmLike(this.stack, ['--restart', 'unless-stopped', '--publish', `${target}:80`]);
    const env = { TOKEN_FILE: await this.writeToken(), TARGET: `http://${target}` };
    await until('the proxy passes on', 30_000, async () => (await fetch(env.TARGET)).ok);
    this.client = openPipe([process.execPath, '--import', 'tsx', CLIENT], { cwd: ROOT, env });
    this.client.stdin.end();
    createInterface(this.client.stdout).on('line', (line) => this.all.push(JSON.parse(line) as Asked));
    await this.untilServed(30_000);
  }

  async asked(since: number): Promise<Asked[]> {
    return this.all.filter(({ at, ms }) => at + ms >= since);
  }

  async stop(): Promise<void> {
    this.client?.kill();
    await this.client?.ended;
    await run(['docker', 'rm', '--force', npmLikeName(this.stack)]);
  }
}
