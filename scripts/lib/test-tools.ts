import { DescribedError, Exit } from './errors.ts';
import { say } from './report.ts';
import { mustRun, run } from './shell.ts';

/** Programs that the tests need beside Docker, and the Debian packages that bring them. */
const TOOLS: Readonly<Record<string, string>> = { chromium: 'chromium', shellcheck: 'shellcheck' };

/**
 * Installs the programs that only tests need, where they are missing.
 * @throws DescribedError (exit 3) where that takes another user or package manager
 */
export async function installTestTools(): Promise<void> {
  const found = await Promise.all(Object.keys(TOOLS).map((tool) => run(['which', tool])));
  const missing = Object.values(TOOLS).filter((_, index) => found[index]?.exitCode !== 0);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || (await run(['which', 'apt-get'])).exitCode !== 0) {
    throw new DescribedError(
      `The tests need ${missing.join(' and ')}`,
      `install ${missing.join(' ')}`,
      Exit.missing,
    );
  }
  say(`Installing ${missing.join(' and ')} for the tests`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const hint = 'see whether the package mirror answers: apt-get update';
  await mustRun(['apt-get', 'update', '-q'], hint, { env });
  await mustRun(
    [
      'apt-get',
      'install',
      '-y',
      '-q',
      '-o',
      'DPkg::Lock::Timeout=300',
      '--no-install-recommends',
      ...missing,
    ],
    hint,
    { env },
  );
}
