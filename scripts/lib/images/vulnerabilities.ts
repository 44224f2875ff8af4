import { ROOT } from '../process/root.ts';
import { run } from '../process/shell.ts';
import type { DebianFacts } from './components.ts';
import { type DebianImage, findPendingUpdates } from './pending-updates.ts';
import { parseGrype, parseNpmAudit, parseTrivy, type ScanFinding } from './scan-rules.ts';
import type { Scanner } from './scanner.ts';

const SCAN_MS = 10 * 60_000;
const AUDIT_MS = 60_000;

/** One way of looking for vulnerabilities, and what it found. */
export interface Look {
  /** What was asked, for the report. */
  method: string;
  /** Undefined when it could not be asked. */
  findings: ScanFinding[] | undefined;
}

/** An image to look at; debian is null where it has no Debian packages. */
export interface Target {
  image: string;
  debian: DebianFacts | null;
}

/** What nobody could see without a scanner. */
export const BLIND_SPOT =
  'Not seen without a scanner: vulnerabilities that have no update yet, and those of Node itself';

/** Asks the scanner where there is one that may be run, else the archive of Debian and npm's registry. */
export async function lookForVulnerabilities(
  targets: readonly Target[],
  scanner: Scanner | undefined,
): Promise<Look[]> {
  if (scanner) return Promise.all(targets.map(({ image }) => askScanner(scanner, image)));
  const [archive, npm] = await Promise.all([askArchives(targets), auditNpm()]);
  return [...archive, npm];
}

async function askScanner({ name, path, label }: Scanner, image: string): Promise<Look> {
  const flags = name === 'trivy' ? ['image', '--quiet', '--format', 'json'] : ['--quiet', '--output', 'json'];
  const { exitCode, stdout } = await run([path, ...flags, image], { timeoutMs: SCAN_MS });
  const parse = name === 'trivy' ? parseTrivy : parseGrype;
  return { method: `${label} on ${image}`, findings: exitCode === 0 ? parse(stdout, image) : undefined };
}

/** Asks once for each release of Debian that the images stand on. */
async function askArchives(targets: readonly Target[]): Promise<Look[]> {
  const releases = new Map<string, DebianImage[]>();
  for (const { image, debian } of targets) {
    if (!debian) continue;
    const { codename } = debian.distribution;
    releases.set(codename, [...(releases.get(codename) ?? []), { image, debian }]);
  }
  const found = new Map<string, ScanFinding[] | undefined>();
  await Promise.all(
    [...releases.values()].map(async (images) => {
      const findings = await findPendingUpdates(images);
      images.forEach(({ image }, index) => {
        found.set(image, findings?.[index]);
      });
    }),
  );
  return targets.map(({ image }) => ({
    method: `pending updates of Debian's packages in ${image}`,
    findings: found.get(image),
  }));
}

async function auditNpm(): Promise<Look> {
  const argv = ['npm', 'audit', '--omit', 'dev', '--json'];
  const { stdout } = await run(argv, { cwd: ROOT, timeoutMs: AUDIT_MS });
  return { method: 'npm audit of the packages in both images', findings: parseNpmAudit(stdout) };
}
