import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateGene } from '../lib/generated-genes.ts';
import { formatImportRow, importHead, importTail } from '../lib/model/gene-import.ts';
import { loadSettings } from '../lib/project.ts';
import { mustRun, run } from '../lib/shell.ts';

const HINT = 'make prod-build makes the images';
/** What deploy/docker-compose.prod.yml allows each service. */
const LIMITS = ['--cpus', '1', '--memory', '1g', '--pids-limit', '200', '--read-only', '--cap-drop', 'ALL'];
const DATABASE = 'kidney_genetics';

/** Database and server of a benchmark: the built images with production's limits, on a network of their own. */
export class BenchStage {
  readonly #images = loadSettings().prefix;
  readonly #name = `${process.env.TEST_PREFIX || this.#images}-bench-${process.pid}`;
  readonly #folder = mkdtempSync(join(tmpdir(), `${this.#name}-`));
  readonly #password = randomBytes(24).toString('hex');

  /** Starts the database and a server on it. */
  async start(): Promise<void> {
    await mustRun(['docker', 'network', 'create', this.#name], HINT);
    const tmpfs = [
      '/var/lib/postgresql/data:uid=999,gid=999,mode=0700',
      '/run/postgresql:uid=999,gid=999',
      '/tmp',
    ];
    await this.#run('postgres', [
      ...[...tmpfs.flatMap((mount) => ['--tmpfs', mount]), '--shm-size', '256m'],
      ...['-e', 'POSTGRES_PASSWORD', '-e', `POSTGRES_DB=${DATABASE}`, '-e', 'APP_USER=kidney_user'],
    ]);
    await this.startServer('');
  }

  /**
   * Starts the server anew.
   * @param constant what it answers at /api/docs/reference.css, a body that never changes
   * @returns its address
   */
  async startServer(constant: string): Promise<string> {
    const file = join(this.#folder, 'constant');
    writeFileSync(file, constant, { mode: 0o644 });
    await run(['docker', 'rm', '-f', `${this.#name}-backend`]);
    await this.#run('backend', [
      ...['--init', '-p', '127.0.0.1::8000', '-v', `${file}:/app/assets/reference.css:ro`],
      ...['-e', 'DATABASE_URL', '-e', 'SECRET_KEY', '-e', 'LOG_LEVEL=warning'],
    ]);
    const published = await mustRun(['docker', 'port', `${this.#name}-backend`, '8000/tcp'], HINT);
    const probe = ['docker', 'exec', `${this.#name}-backend`, 'node', '/app/healthcheck.js'];
    await untilReady(async () => (await run(probe)).exitCode === 0);
    return `http://127.0.0.1:${published.trim().split(':').at(-1)}`;
  }

  /** Adds genes that do not exist, and waits until the words of searches are counted. */
  async addGenes(count: number): Promise<void> {
    const rows = Array.from({ length: count }, (_, index) =>
      formatImportRow({ line: index, gene: generateGene(index) }),
    );
    await this.#sql([importHead, ...rows, importTail({ replace: false, dryRun: false })].join(''));
    await untilReady(async () => (await this.#sql('select words_stale from data_state')).trim() === 'f');
    await this.#sql('vacuum analyze');
  }

  async remove(): Promise<void> {
    await run(['docker', 'rm', '-f', `${this.#name}-backend`, `${this.#name}-postgres`]);
    await run(['docker', 'network', 'rm', this.#name]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #run(service: string, args: readonly string[]): Promise<void> {
    const name = `${this.#name}-${service}`;
    const url = `postgresql://kidney_user:${this.#password}@${this.#name}-postgres:5432/${DATABASE}`;
    const argv = ['docker', 'run', '-d', '--rm', '--name', name, '--network', this.#name, ...LIMITS, ...args];
    await mustRun([...argv, `${this.#images}-${service}:latest`], HINT, {
      env: { POSTGRES_PASSWORD: this.#password, DATABASE_URL: url, SECRET_KEY: this.#password },
    });
  }

  #sql(script: string): Promise<string> {
    const psql = ['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-d', DATABASE];
    const argv = ['docker', 'exec', '-i', `${this.#name}-postgres`, ...psql];
    return mustRun(argv, 'see above', { input: Readable.from([script]) });
  }
}

async function untilReady(ask: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 480; tries += 1) {
    if (await ask().catch(() => false)) return;
    await sleep(250);
  }
  throw new Error('The server is not ready after two minutes');
}
