import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IMAGES, type ImageName } from './lib/images/build-argv.ts';
import { describeImage, writeBoms } from './lib/images/sbom.ts';
import {
  type Judgement,
  judgeFindings,
  parseExceptions,
  type ScanException,
} from './lib/images/scan-rules.ts';
import { findScanner } from './lib/images/scanner.ts';
import { BLIND_SPOT, type Look, lookForVulnerabilities } from './lib/images/vulnerabilities.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { ROOT } from './lib/process/root.ts';
import { listStack } from './lib/stack/containers.ts';
import { envFileExists, inspectEnvFile } from './lib/stack/env-file.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { type StackSettings, serviceOf } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { formatDuration, say, sayFailure, sayOk, sayWarning } from './lib/terminal/report.ts';
import type { ScanFacts } from './lib/verify/facts.ts';
import { scanFolder } from './lib/verify/gather/scan.ts';

const USAGE = `
Writes a bill of materials (SBOM, CycloneDX 1.5) of each image that runs, or was built last where none does, with its
Debian and npm packages, and looks for known vulnerabilities in them: by trivy or grype where the host has one whose checksum is
SCANNER_SHA256 of the env file, else by the security updates that wait in Debian's archive and by npm audit. Says which of these it did. Exit 1 from HIGH on, 3 when
nothing could be asked.

  make prod-scan
  npx tsx scripts/scan.ts [--json]

Exceptions, each with a reason and a last day, stand in deploy/scan-exceptions.yml.`;

const EXCEPTIONS = 'deploy/scan-exceptions.yml';

/** The images that run; where nothing does, those that were built last. */
async function findImages(settings: StackSettings): Promise<{ name: ImageName; image: string }[]> {
  const containers = await listStack(settings);
  return IMAGES.map((name) => {
    const container = containers.find(({ service }) => service === serviceOf(name));
    return { name, image: container?.image ?? `${settings.prefix}-${name}:latest` };
  });
}

async function readExceptions(): Promise<ScanException[]> {
  const text = await readFile(join(ROOT, EXCEPTIONS), 'utf8').catch(() => '');
  const { exceptions, problems } = parseExceptions(text);
  if (problems.length === 0) return exceptions;
  throw new DescribedError(
    `${EXCEPTIONS}: ${problems.join('; ')}`,
    'each needs id, reason and expires: YYYY-MM-DD',
  );
}

/** Prints what was written, asked and found. */
function sayScan(boms: readonly string[], looks: readonly Look[], judged: Judgement): void {
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
}

/** @throws DescribedError when there is something from HIGH on (exit 1), or nobody could be asked (exit 3) */
function assertPassed(looks: readonly Look[], { failing }: Judgement): void {
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

/** The checksum of the scanner that may be run; empty without one. */
async function readPin(envFile: string): Promise<string> {
  if (!(await envFileExists(envFile))) return '';
  return (await inspectEnvFile(envFile)).values.SCANNER_SHA256 ?? '';
}

main(import.meta.url, {
  usage: USAGE,
  options: { json: { type: 'boolean' } },
  async run(flags) {
    const startedAt = Date.now();
    const settings = await openStack();
    const [exceptions, scanner] = await Promise.all([
      readExceptions(),
      findScanner(await readPin(settings.envFile)),
      assertDockerReady(),
    ]);
    const images = await findImages(settings);
    const described = await Promise.all(images.map(({ name, image }) => describeImage(name, image)));
    const folder = scanFolder(settings.prefix);
    const [boms, looks] = await Promise.all([
      writeBoms(folder, described),
      lookForVulnerabilities(described, typeof scanner === 'string' ? undefined : scanner),
    ]);
    const findings = looks.flatMap((look) => look.findings ?? []);
    const judged = judgeFindings(findings, exceptions, new Date().toISOString().slice(0, 10));
    const summary: ScanFacts = {
      at: new Date().toISOString(),
      imageIds: described.map(({ id }) => id),
      high: judged.failing.map(({ id, component }) => `${id} in ${component}`),
      method: looks
        .filter((look) => look.findings)
        .map(({ method }) => method)
        .join('; '),
      complete: looks.every((look) => look.findings !== undefined),
      components: Object.fromEntries(described.map(({ id, components }) => [id, components.length])),
    };
    await writeFile(
      join(folder, 'summary.json'),
      `${JSON.stringify({ ...summary, findings }, undefined, 2)}\n`,
    );
    if (flags.json) say(JSON.stringify({ ...summary, findings, ...judged }, undefined, 2));
    else {
      sayScan(boms, looks, judged);
      if (typeof scanner === 'string') sayWarning(`${BLIND_SPOT} (${scanner})`);
    }
    assertPassed(looks, judged);
    const partly = summary.complete ? '' : ' in what could be asked';
    if (!flags.json) sayOk(`Nothing from HIGH on${partly} (${formatDuration(Date.now() - startedAt)})`);
  },
});
