import { ROOT } from '../process/root.ts';
import { run } from '../process/shell.ts';
import type { DebianFacts } from './components.ts';
import { type DebianImage, findPendingUpdates } from './pending-updates.ts';
import { parseGrype, parseNpmAudit, parseTrivy, type ScanFinding } from './scan-rules.ts';

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

/** Asks trivy or grype where the host has one, else the archive of Debian and npm's registry. */
export async function lookForVulnerabilities(targets: readonly Target[]): Promise<Look[]> {
  const scanner = await findScanner();
  if (scanner) return Promise.all(targets.map(({ image }) => askScanner(scanner, image)));
  const [archive, npm] = await Promise.all([askArchives(targets), auditNpm()]);
  return [...archive, npm];
}

type Scanner = 'trivy' | 'grype';

async function findScanner(): Promise<Scanner | undefined> {
  for (const name of ['trivy', 'grype'] as const) {
    if ((await run(['which', name])).exitCode === 0) return name;
  }
  return undefined;
}

async function askScanner(scanner: Scanner, image: string): Promise<Look> {
  const argv =
    scanner === 'trivy'
      ? ['trivy', 'image', '--quiet', '--format', 'json', image]
      : ['grype', '--quiet', '--output', 'json', image];
  const { exitCode, stdout } = await run(argv, { timeoutMs: SCAN_MS });
  const parse = scanner === 'trivy' ? parseTrivy : parseGrype;
  return { method: `${scanner} on ${image}`, findings: exitCode === 0 ? parse(stdout, image) : undefined };
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
