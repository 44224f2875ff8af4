import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { DescribedError } from '../process/errors.ts';
import { run } from '../process/shell.ts';
import { findVersion, isMalicious, refuseScanner, type ScannerFile } from './scanner-rules.ts';

const VERSION_MS = 20_000;

/** A scanner whose checksum the operator has pinned. */
export interface Scanner extends ScannerFile {
  /** Name, version and checksum, for the report. */
  label: string;
}

/**
 * Finds the host's scanner. None is run before its checksum is known to be the pinned one, not even for its version.
 * @param pinned SCANNER_SHA256 of the env file; empty without one
 * @returns the scanner, or why there is none
 * @throws DescribedError for one that is not the pinned one, or known to be malicious
 */
export async function findScanner(pinned: string): Promise<Scanner | string> {
  const file = (await locate('trivy')) ?? (await locate('grype'));
  if (!file) {
    if (pinned)
      throw new DescribedError(
        'SCANNER_SHA256 is set, and no trivy or grype is on the PATH',
        'install it, or take the setting out',
      );
    return 'no scanner is installed';
  }
  const refusal = refuseScanner(file, pinned);
  if (refusal && (pinned || isMalicious(file.name, file.version))) {
    throw new DescribedError(
      refusal,
      'remove it, and change every secret that it could read; or pin the right one',
    );
  }
  if (refusal) return refusal;
  const { stdout } = await run([file.path, '--version'], { timeoutMs: VERSION_MS });
  const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? file.version;
  if (isMalicious(file.name, version)) {
    throw new DescribedError(
      `${file.path} says that it is ${file.name} ${version}, a release known to be malicious`,
      'remove it',
    );
  }
  return { ...file, version, label: `${file.name} ${version} (sha256 ${file.sha256.slice(0, 16)}…)` };
}

async function locate(name: ScannerFile['name']): Promise<ScannerFile | undefined> {
  const { exitCode, stdout } = await run(['which', name]);
  if (exitCode !== 0) return undefined;
  const path = await realpath(stdout.trim());
  const bytes = await readFile(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { name, path, sha256, version: findVersion(bytes.toString('latin1')) };
}
