import { DescribedError, Exit } from '../process/errors.ts';
import { mustRun, run } from '../process/shell.ts';
import { say } from '../terminal/report.ts';

/** Programs that some commands, tests and benchmarks need beside Docker, and the Debian packages that bring them. */
const TOOLS = {
  chromium: 'chromium',
  shellcheck: 'shellcheck',
  wrk: 'wrk',
  skopeo: 'skopeo',
  cosign: 'cosign',
} as const;

/**
 * Installs programs that not every host needs, where they are missing.
 * @param purpose what needs them, such as `the tests`
 * @throws DescribedError (exit 3) where that takes another user or package manager
 */
export async function installTools(tools: readonly (keyof typeof TOOLS)[], purpose: string): Promise<void> {
  const found = await Promise.all(tools.map((tool) => run(['which', tool])));
  const missing = tools.filter((_, index) => found[index]?.exitCode !== 0).map((tool) => TOOLS[tool]);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || (await run(['which', 'apt-get'])).exitCode !== 0) {
    throw new DescribedError(
      `For ${purpose} ${missing.join(' and ')} must be there`,
      `install ${missing.join(' ')}`,
      Exit.missing,
    );
  }
  say(`Installing ${missing.join(' and ')} for ${purpose}`);
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
