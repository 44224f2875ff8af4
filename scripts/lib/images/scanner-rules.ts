/** A program on the PATH that could look for vulnerabilities. */
export interface ScannerFile {
  name: 'trivy' | 'grype';
  /** Where it really is, behind links. */
  path: string;
  sha256: string;
  /** The version that its build wrote into it, read without running it; empty where there is none. */
  version: string;
}

/** Releases that stole what they could reach: Trivy in March 2026, CVE-2026-33634. */
const MALICIOUS: Readonly<Record<ScannerFile['name'], readonly string[]>> = {
  trivy: ['0.69.4', '0.69.5', '0.69.6'],
  grype: [],
};

/** What Go's linker was told of the version. */
const VERSION = /(?:trivy\/pkg\/version\/app\.ver|main\.version|internal\.version)=v?(\d+\.\d+\.\d+)/;

/** The version in a program's bytes, as Latin-1 text. */
export function findVersion(bytes: string): string {
  return VERSION.exec(bytes)?.[1] ?? '';
}

/** Whether a release is known to be malicious. */
export function isMalicious(name: ScannerFile['name'], version: string): boolean {
  return MALICIOUS[name].includes(version.replace(/^v/, ''));
}

/**
 * Decides whether a scanner may be run: it sees all images, as root.
 * @param pinned SCANNER_SHA256 of the env file; empty without one
 * @returns why not, in one sentence; undefined when it may
 */
export function refuseScanner(
  { name, path, sha256, version }: ScannerFile,
  pinned: string,
): string | undefined {
  if (isMalicious(name, version))
    return `${path} is ${name} ${version}, a release known to be malicious (CVE-2026-33634)`;
  if (pinned === '') {
    return `${path} (sha256 ${sha256}) is not run: compare that with what its publisher says, then SCANNER_SHA256=${sha256} in the env file`;
  }
  return pinned.toLowerCase() === sha256
    ? undefined
    : `${path} has the sha256 ${sha256}, and SCANNER_SHA256 is ${pinned}`;
}
