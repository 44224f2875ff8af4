import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { commandArgv } from '../lib/process/command.ts';
import { lockPath } from '../lib/process/lock.ts';
import { ROOT } from '../lib/process/root.ts';
import { type RunResult, run } from '../lib/process/shell.ts';
import { withRateLimit } from '../lib/proxy/npm/advanced-rules.ts';
import { FakeNpm, type FakeOptions } from './fake-npm.ts';

/** Resolves everywhere. */
export const DOMAIN = 'localhost';
/** Of this process alone: files that run side by side would wait for each other's lock. */
export const PREFIX = `kgfake${process.pid}`;
export const FRONTEND = `${PREFIX}-frontend`;
export const ZONES = [PREFIX];
export const DAY_MS = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), 'kgfake-'));
const secretFile = join(folder, 'secret');
writeFileSync(secretFile, `${FakeNpm.secret}\n`);
after(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(lockPath(`${PREFIX}-proxy-host`), { force: true });
});

/** A host as this kit leaves it. */
export const FINISHED = {
  domain_names: [DOMAIN],
  forward_host: FRONTEND,
  ...{ allow_websocket_upgrade: true, block_exploits: true, ssl_forced: true, http2_support: true },
  advanced_config: withRateLimit('', PREFIX),
};

/** Runs the command against an NPM. */
export function command(
  npm: FakeNpm,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<RunResult> {
  const argv = commandArgv('npm-proxy-host', args);
  return run(argv, {
    cwd: ROOT,
    timeoutMs: 60_000,
    env: {
      STACK_PREFIX: PREFIX,
      NPM_NETWORK: 'kgfake-proxy',
      ENV_FILE: join(folder, 'env'),
      NPM_URL: npm.url,
      NPM_IDENTITY: FakeNpm.identity,
      NPM_SECRET_FILE: secretFile,
      ...env,
    },
  });
}

/** An NPM for the time of a test. */
export async function withNpm(options: FakeOptions, test: (npm: FakeNpm) => Promise<void>): Promise<void> {
  const npm = await new FakeNpm(options).start();
  try {
    await test(npm);
  } finally {
    npm.stop();
  }
}

/** Runs the command against a fake NPM, on which `prepare` has put something. */
export async function drive(
  options: FakeOptions,
  args: readonly string[] = [],
  prepare: (npm: FakeNpm) => void = () => {},
  env: Record<string, string> = {},
): Promise<RunResult & { npm: FakeNpm }> {
  const npm = await new FakeNpm(options).start();
  prepare(npm);
  const words = args.some((word) => !word.startsWith('-')) ? args : [...args, DOMAIN];
  try {
    return { ...(await command(npm, words, env)), npm };
  } finally {
    npm.stop();
  }
}
