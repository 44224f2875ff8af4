import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DescribedError } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { listStack } from '../stack/containers.ts';
import { envFileExists, inspectEnvFile } from '../stack/env-file.ts';
import { type StackSettings, serviceOf } from '../stack/stack.ts';
import { IMAGES, type ImageName } from './build-argv.ts';
import { type Described, describeImage, writeBoms } from './sbom.ts';
import {
  type Judgement,
  judgeFindings,
  parseExceptions,
  type ScanException,
  type ScanFinding,
} from './scan-rules.ts';
import { findScanner } from './scanner.ts';
import { type Look, lookForVulnerabilities } from './vulnerabilities.ts';

const EXCEPTIONS = 'deploy/scan-exceptions.yml';

/** What a scan found. */
export interface Scan {
  described: Described[];
  /** The bills of materials that were written, each as a line for people. */
  boms: string[];
  looks: Look[];
  findings: ScanFinding[];
  judged: Judgement;
  /** Why no scanner was asked; empty where one was. */
  blind: string;
}

/**
 * Writes the bills of materials of a stack's images into a folder, and looks for vulnerabilities in them.
 * @throws DescribedError for exceptions that are not of their form, and for a scanner that may not be run
 */
export async function scanStack(settings: StackSettings, folder: string): Promise<Scan> {
  const [exceptions, scanner, images] = await Promise.all([
    readExceptions(),
    readPin(settings.envFile).then(findScanner),
    findImages(settings),
  ]);
  const described = await Promise.all(images.map(({ name, image }) => describeImage(name, image)));
  const [boms, looks] = await Promise.all([
    writeBoms(folder, described),
    lookForVulnerabilities(described, typeof scanner === 'string' ? undefined : scanner),
  ]);
  const findings = looks.flatMap((look) => look.findings ?? []);
  const judged = judgeFindings(findings, exceptions, new Date().toISOString().slice(0, 10));
  return { described, boms, looks, findings, judged, blind: typeof scanner === 'string' ? scanner : '' };
}

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

/** The checksum of the scanner that may be run; empty without one. */
async function readPin(envFile: string): Promise<string> {
  if (!(await envFileExists(envFile))) return '';
  return (await inspectEnvFile(envFile)).values.SCANNER_SHA256 ?? '';
}
