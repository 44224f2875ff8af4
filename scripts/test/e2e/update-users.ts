import { join } from 'node:path';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { loadEnvFile } from '../../lib/stack/env-file.ts';
import { makeToken } from './edits.ts';
import { type TestStack, until } from './harness.ts';
import { npmLikeName } from './npm-like.ts';

const HINT = 'see above';
const LOAD = join(ROOT, 'scripts/test/e2e/update-load.ts');

/** What the users met, as update-load.ts prints it. */
export interface Report {
  requests: number;
  failed: number;
  outcomes: Record<string, { count: number; at: number[] }>;
  slowestPace: number;
  slow: number;
  p50: number;
  p99: number;
  max: number;
  writes: number;
  sockets: number;
  open: number;
  closes: Record<string, number>;
  cameBack: number;
  longestAwayMs: number;
  resyncs: number;
  missed: number;
}

/** Users of a stack in production mode, who come through a proxy like Nginx Proxy Manager. */
export class UpdateUsers {
  private readonly stack: TestStack;
  private readonly name: string;

  constructor(stack: TestStack) {
    this.stack = stack;
    this.name = `${stack.settings.prefix}-users`;
  }

  /** @param load requests a second, and open WebSockets */
  async start({ rate, sockets }: { rate: number; sockets: number }): Promise<void> {
    const { envFile, network } = this.stack.settings;
    const { SECRET_KEY = '' } = await loadEnvFile(envFile);
    const settings = {
      TARGET: `http://${npmLikeName(this.stack)}`,
      TOKEN: makeToken(SECRET_KEY),
      RATE: String(rate),
      WRITES: '5',
      SOCKETS: String(sockets),
    };
    const variables = Object.entries(settings).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
    const container = ['docker', 'run', '-d', '--name', this.name, '--network', network];
    const program = ['-v', `${LOAD}:/load.ts:ro`, latest(this.stack, 'backend'), 'node', '/load.ts'];
    await mustRun([...container, ...variables, ...program], HINT);
    await until('users are at it', 60_000, async () => (await this.read()).includes('running'));
  }

  /** Lets them finish. */
  async end(): Promise<Report> {
    await mustRun(['docker', 'stop', '-t', '90', this.name], HINT);
    const report = JSON.parse((await this.read()).trim().split('\n').at(-1) ?? '') as Report;
    await run(['docker', 'rm', '-f', '-v', this.name]);
    return report;
  }

  private async read(): Promise<string> {
    return (await run(['docker', 'logs', this.name])).stdout;
  }
}

/** Makes another image of what `latest` is, as a build of other sources would; a revision alone is no other content. */
export async function changeImage(
  stack: TestStack,
  name: string,
  revision: string,
  more = '',
): Promise<void> {
  const image = latest(stack, name);
  const input = `FROM ${image}\nLABEL org.opencontainers.image.revision=${revision}\nENV APP_REVISION=${revision} KGT_SOURCES=${revision}\n${more}\n`;
  await mustRun(['docker', 'build', '-t', image, '-'], HINT, { input });
}

function latest(stack: TestStack, name: string): string {
  return `${stack.settings.prefix}-${name}:latest`;
}
