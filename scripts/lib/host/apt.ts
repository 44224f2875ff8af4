import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribedError, Exit } from '../process/errors.ts';
import { run } from '../process/shell.ts';
import { say } from '../terminal/report.ts';
import { type AptSource, parseAptSources } from './apt-sources.ts';
import { aptInstallArgv, aptUpdateArgv, explainApt } from './host-plan.ts';

const LOCK_WAIT_MS = 5 * 60_000;
// The first keeps packages from asking, the second needrestart from restarting services, or asking which.
const ENVIRONMENT = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', LC_ALL: 'C' };

/** The sources of packages that this host's apt uses; none where there is no apt. */
export function readAptSources(etc = '/etc/apt'): AptSource[] {
  const folder = join(etc, 'sources.list.d');
  const parts = existsSync(folder) ? readdirSync(folder).sort() : [];
  const paths = [join(etc, 'sources.list'), ...parts.map((name) => join(folder, name))];
  return paths
    .filter((path) => /\.(list|sources)$/.test(path) && existsSync(path))
    .flatMap((path) => parseAptSources(path, readFileSync(path, 'utf8')));
}

/**
 * Runs apt-get or dpkg; waits while another package manager (a timer's, right after boot) has the lock.
 * @throws DescribedError with apt's own reason
 */
export async function runApt(argv: readonly string[]): Promise<void> {
  const until = Date.now() + LOCK_WAIT_MS;
  for (let said = false; ; said = true) {
    const { exitCode, stdout, stderr } = await run(argv, { env: ENVIRONMENT });
    if (exitCode === 0) return;
    const locked = /could not get lock|is locked by another process|unable to lock/i.test(stderr);
    if (!locked || Date.now() > until) {
      const { cause, hint } = explainApt(argv, exitCode, `${stderr}\n${stdout}`);
      throw new DescribedError(cause, hint);
    }
    if (!said) say('  Another package manager is at work: waiting for it');
    await sleep(2000);
  }
}

/**
 * Installs packages whose program is missing, as root.
 * @param program its presence means that they are there
 * @param purpose what needs them, for the message
 * @throws DescribedError (exit 3) where that takes another user or package manager
 */
export async function ensurePackages(
  packages: readonly string[],
  program: string,
  purpose: string,
): Promise<void> {
  if ((await run(['which', program])).exitCode === 0) return;
  if (process.getuid?.() !== 0) {
    const hint = `sudo apt-get install ${packages.join(' ')}`;
    throw new DescribedError(`${program} is missing, for ${purpose}`, hint, Exit.missing);
  }
  say(`  Installing ${packages.join(' and ')}, for ${purpose}`);
  const install = aptInstallArgv(packages);
  // The lists may be recent enough; fetching them takes longer than the package.
  if ((await run(install, { env: ENVIRONMENT })).exitCode === 0) return;
  await runApt(aptUpdateArgv());
  await runApt(install);
}
