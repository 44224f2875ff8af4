import { scanStack } from './lib/images/scan.ts';
import { assertPassed, sayScan } from './lib/images/scan-report.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { main } from './lib/terminal/cli.ts';
import { formatDuration, say, sayOk } from './lib/terminal/report.ts';
import { scanFolder, writeScan } from './lib/verify/gather/scan.ts';

const USAGE = `
Writes a bill of materials (SBOM, CycloneDX 1.5) of each image that runs, or was built last where none does, with its
Debian and npm packages, and looks for known vulnerabilities in them: by trivy or grype where the host has one whose checksum is
SCANNER_SHA256 of the env file, else by the security updates that wait in Debian's archive and by npm audit. Says which of
these it did. Exit 1 from HIGH on, 3 when nothing could be asked.

  make prod-scan
  npx tsx scripts/scan.ts [--json]

Exceptions, each with a reason and a last day, stand in deploy/scan-exceptions.yml.`;

main(import.meta.url, {
  usage: USAGE,
  options: { json: { type: 'boolean' } },
  async run(flags) {
    const startedAt = Date.now();
    const settings = await openStack();
    await assertDockerReady();
    const scan = await scanStack(settings, scanFolder(settings.prefix));
    const summary = await writeScan(settings.prefix, scan);
    if (flags.json)
      say(JSON.stringify({ ...summary, findings: scan.findings, ...scan.judged }, undefined, 2));
    else sayScan(scan);
    assertPassed(scan);
    const partly = summary.complete ? '' : ' in what could be asked';
    if (!flags.json) sayOk(`Nothing from HIGH on${partly} (${formatDuration(Date.now() - startedAt)})`);
  },
});
