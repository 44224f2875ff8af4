import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadEnvFile } from '../../lib/env-file.ts';
import { signToken } from '../../lib/model/rotation.ts';
import { ROOT } from '../../lib/project.ts';
import { mustRun, run } from '../../lib/shell.ts';
import { type TestStack, until } from '../e2e/harness.ts';
import { type Asked, isGood } from './outage.ts';

const CLIENT = join(ROOT, 'scripts/test/faults/client.ts');
const HINT = 'see the output above';
/** So long without a failure counts as served again. */
const QUIET_MS = 1500;

/** Users of a stack in production mode, who ask all the time; see client.ts. */
export class Users {
  private readonly name: string;
  private readonly stack: TestStack;

  constructor(stack: TestStack) {
    this.stack = stack;
    this.name = `${stack.settings.prefix}-users`;
  }

  /** Lets them begin, and waits until they are served. */
  async start(): Promise<void> {
    const token = join(this.stack.tmp, 'token');
    const { SECRET_KEY = '' } = await loadEnvFile(this.stack.settings.envFile);
    const exp = Math.floor(Date.now() / 1000) + 7200;
    writeFileSync(token, signToken(SECRET_KEY, { sub: 'users', scope: 'genes:write', exp }), { mode: 0o444 });
    const volumes = ['--volume', `${CLIENT}:/client.ts:ro`, '--volume', `${token}:/run/token:ro`];
    const place = [
      '--init',
      '--restart',
      'unless-stopped',
      '--name',
      this.name,
      '--network',
      this.stack.settings.network,
    ];
    const image = `${this.stack.settings.prefix}-backend:latest`;
    await mustRun(['docker', 'run', '--detach', ...place, ...volumes, image, 'node', '/client.ts'], HINT);
    await this.untilServed(30_000);
  }

  /** What they asked and got, of all that ended since a moment. */
  async asked(since: number): Promise<Asked[]> {
    const { stdout } = await run(['docker', 'logs', '--since', new Date(since).toISOString(), this.name]);
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Asked);
  }

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
}
