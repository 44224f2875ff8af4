import { DescribedError, Exit } from '../process/errors.ts';
import { say, sayFailure, sayOk, sayWarning } from '../terminal/report.ts';
import type { Scan } from './scan.ts';
import { BLIND_SPOT } from './vulnerabilities.ts';

/** Prints what was written, asked and found. */
export function sayScan({ boms, looks, judged, blind }: Scan): void {
  for (const bom of boms) sayOk(bom);
  for (const { method, findings } of looks) {
    if (findings) sayOk(`Asked: ${method}; ${findings.length} findings`);
    else sayWarning(`Not asked, for it gave no answer: ${method}`);
  }
  for (const { finding, exception } of judged.excepted)
    say(`  excepted until ${exception.expires}: ${finding.id} (${exception.reason})`);
  for (const { id, expires } of judged.expired)
    sayWarning(`The exception of ${id} ended on ${expires}: it counts no more`);
  for (const { id } of judged.unused)
    sayWarning(`The exception of ${id} matches nothing any more: take it out`);
  for (const { id, severity, component, where, fixedIn } of judged.failing) {
    sayFailure(`${severity} ${id}: ${component} in ${where}`, fixedIn ? `fixed in ${fixedIn}` : '');
  }
  if (blind) sayWarning(`${BLIND_SPOT} (${blind})`);
}

/** @throws DescribedError when there is something from HIGH on (exit 1), or nobody could be asked (exit 3) */
export function assertPassed({ looks, judged: { failing } }: Scan): void {
  if (failing.length > 0) {
    throw new DescribedError(
      `${failing.length} findings from HIGH on`,
      'npx tsx scripts/base-images.ts --refresh, then: make prod-update WITH_DATABASE=1 prod-scan',
    );
  }
  if (looks.some((look) => look.findings)) return;
  throw new DescribedError(
    'The bills of materials are written, but nobody could be asked for vulnerabilities',
    'see whether the package mirror answers: apt-get update; or install trivy or grype and pin it: docs/deployment/security-hardening.md',
    Exit.missing,
  );
}
