import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, run } from '../../lib/process/shell.ts';
import { volumeName } from '../../lib/stack/stack.ts';
import { TestStack, until } from '../e2e/harness.ts';
import { InsideUsers, OutsideUsers, type Users } from './users.ts';

const HINT = 'faults are tried as root: sudo make fault-report';
/** Room for the database, its log of changes, and little more. */
const DISK_BYTES = 700 * 1024 ** 2;
const POSTGRES_ID = 999;

/** A stack in production mode with users on the proxy's network; its database is on a small disk of its own. */
export class FaultStage {
  readonly stack: TestStack;
  readonly users: Users;
  private outside: Users | undefined;

  private constructor(stack: TestStack) {
    this.stack = stack;
    this.users = new InsideUsers(stack);
  }

  /** @param env such as PROBE_INTERVAL, for the env file */
  static async start(name: string, env: Record<string, string> = {}): Promise<FaultStage> {
    const stage = new FaultStage(await TestStack.create(name));
    await stage.makeDisk();
    for (const [key, value] of Object.entries(env)) stage.stack.setEnv(key, value);
    await stage.stack.mustScript('npm-network', ['create']);
    await stage.stack.mustScript('up');
    await stage.users.start();
    return stage;
  }

  private get disk(): string {
    return join(this.stack.tmp, 'disk');
  }

  /** A file system in memory, mounted on the host: it outlives a container, unlike a volume of that type. */
  private async makeDisk(): Promise<void> {
    mkdirSync(this.disk);
    const options = `size=${DISK_BYTES},uid=${POSTGRES_ID},gid=${POSTGRES_ID},mode=0700`;
    await mustRun(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', this.disk], HINT);
    const { prefix } = this.stack.settings;
    // As Compose would label it, or it asks whether to use it.
    const labels = [
      `com.docker.compose.project=${prefix}`,
      'com.docker.compose.volume=kidney-genetics-postgres-data',
    ];
    const place = ['type=none', 'o=bind', `device=${this.disk}`];
    await mustRun(
      [
        ...['docker', 'volume', 'create', '--driver', 'local'],
        ...place.flatMap((option) => ['--opt', option]),
        ...labels.flatMap((label) => ['--label', label]),
        volumeName(this.stack.settings),
      ],
      HINT,
    );
  }

  /** Takes all of the disk that is left, as another program's files do. */
  async fillDisk(): Promise<void> {
    // The database writes meanwhile: what was free may be less by the time it is taken.
    await until('the disk full', 10_000, async () => {
      const { bavail, bsize } = statfsSync(this.disk);
      const argv = ['fallocate', '--length', String(bavail * bsize), join(this.disk, 'filler')];
      return (await run(argv)).exitCode === 0;
    });
  }

  /** What an operator does about it. */
  freeDisk(): void {
    rmSync(join(this.disk, 'filler'), { force: true });
  }

  async startOutsideUsers(): Promise<Users> {
    this.outside = new OutsideUsers(this.stack);
    await this.outside.start();
    return this.outside;
  }

  async dispose(): Promise<void> {
    await this.outside?.stop();
    await this.stack.destroy();
    await run(['umount', this.disk]);
    await this.stack.dispose();
  }
}
