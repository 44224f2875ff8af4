import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastLogLines } from '../../lib/docker/logs.ts';
import { DescribedError } from '../../lib/process/errors.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { freePort } from '../../test/e2e/harness.ts';
import type { ProductionStack } from './production.ts';

const HINT = 'make bench';
const SERVICE = 'kidney-genetics-backend-service';
const READY_MS = 60_000;

/** One more backend of a stack in production mode, with its limits, that is asked directly. */
export class SearchServer {
  /** Where it answers with the constant body. */
  readonly constant = '/api/docs/reference.css';
  readonly url: string;
  readonly name: string;
  readonly #file: string;

  private constructor(production: ProductionStack, port: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.name = `${production.stack.settings.prefix}-measured`;
    this.#file = join(production.stack.tmp, 'constant');
  }

  /** Starts it; it goes with the stack. */
  static async start(production: ProductionStack): Promise<SearchServer> {
    const port = await freePort();
    const server = new SearchServer(production, port);
    writeFileSync(server.#file, '');
    const mount = `${server.#file}:/app/assets/reference.css:ro`;
    const options = ['--detach', '--no-deps', '--name', server.name, '--publish', `127.0.0.1:${port}:8000`];
    await production.compose('run', ...options, '--volume', mount, SERVICE);
    await server.#untilReady();
    return server;
  }

  /** Starts it anew with a constant body of that many bytes. */
  async answerWithConstant(bytes: number): Promise<void> {
    writeFileSync(this.#file, 'x'.repeat(bytes));
    await mustRun(['docker', 'restart', this.name], HINT);
    await this.#untilReady();
  }

  /** The mean size of the answers; asking makes each of them once. */
  async readMeanSize(paths: readonly string[]): Promise<number> {
    let total = 0;
    for (const path of paths) {
      const response = await fetch(this.url + path, { headers: { connection: 'close' } });
      total += (await response.arrayBuffer()).byteLength;
      if (!response.ok) throw new DescribedError(`${path} answers ${response.status}`, HINT);
    }
    return Math.round(total / paths.length);
  }

  /** @throws DescribedError with the last lines of its log */
  async #untilReady(): Promise<void> {
    const end = Date.now() + READY_MS;
    const probe = ['docker', 'exec', this.name, 'node', '/app/healthcheck.js'];
    while ((await run(probe)).exitCode !== 0) {
      if (Date.now() > end) {
        const log = (await lastLogLines(this.name)).replace(/^/gm, '    ');
        throw new DescribedError(
          `${this.name} is not ready after ${READY_MS / 1000} s; its last lines:\n${log}`,
          `run it again; the containers are gone`,
        );
      }
      await sleep(250);
    }
  }
}
