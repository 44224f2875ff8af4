import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { freePort, type TestStack, until } from '../../test/e2e/harness.ts';
import { withStack } from './own-stack.ts';

const HINT = 'make bench';
const PEER_CONF = join(ROOT, 'scripts/bench/peers/nginx.conf');

/**
 * This kit's stack with ports on 127.0.0.1, and beside it the peer's nginx: the specification's configuration on the same
 * base image, with the same limits, the same files and the same backend.
 */
export class ServingStage {
  readonly ours: string;
  readonly peer: string;
  readonly stack: TestStack;

  private constructor(stack: TestStack, peerPort: number) {
    this.stack = stack;
    this.ours = `http://127.0.0.1:${stack.settings.ports.frontend}`;
    this.peer = `http://127.0.0.1:${peerPort}`;
  }

  /** Starts both sides; whatever happens to `use`, both are gone afterwards. */
  static async with<T>(use: (stage: ServingStage) => Promise<T>): Promise<T> {
    const networkOf = (stack: TestStack) => `${stack.settings.prefix}-peer`;
    return withStack(
      'serving',
      async (stack) => {
        const stage = new ServingStage(stack, await freePort());
        await stack.mustScript('up', ['--test']);
        await stage.startPeer(networkOf(stack));
        return use(stage);
      },
      (stack) => run(['docker', 'network', 'rm', networkOf(stack)]),
    );
  }

  get peerName(): string {
    return `${this.stack.settings.prefix}-peer`;
  }

  private async startPeer(network: string): Promise<void> {
    const frontend = this.stack.name('frontend');
    const files = join(this.stack.tmp, 'html');
    const label = '{{index .Config.Labels "org.opencontainers.image.base.name"}}';
    const base = await mustRun(['docker', 'inspect', '--format', label, frontend], HINT);
    await mustRun(['docker', 'cp', '--quiet', `${frontend}:/usr/share/nginx/html`, files], HINT);
    await run(['docker', 'network', 'rm', network]);
    await mustRun(['docker', 'network', 'create', network], HINT);
    const alias = ['--alias', 'backend', network, this.stack.name('backend')];
    await mustRun(['docker', 'network', 'connect', ...alias], HINT);
    await mustRun(
      [
        ...['docker', 'run', '--detach', '--name', this.peerName, '--network', network],
        ...['--publish', `${this.peer.replace('http://', '')}:80`, '--cpus', '1', '--memory', '1g'],
        ...['--pids-limit', '200', '--log-opt', 'max-size=50m', '--log-opt', 'max-file=5'],
        ...['--volume', `${PEER_CONF}:/etc/nginx/conf.d/default.conf:ro`],
        ...['--volume', `${files}:/usr/share/nginx/html:ro`, base.trim()],
      ],
      HINT,
    );
    await until('the peer answers', 20_000, async () => (await fetch(`${this.peer}/api/health`)).ok);
    await sleep(500);
  }
}
