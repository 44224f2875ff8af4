import { parse } from 'yaml';

/** How bad a finding is; the scan fails from HIGH on. */
const SEVERITIES = ['UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'] as const;
type Severity = (typeof SEVERITIES)[number];

/** A vulnerability, or a package that waits for a security update. */
export interface ScanFinding {
  /** What an exception names: CVE-2026-1234, GHSA-..., or deb:openssl for a pending update. */
  id: string;
  severity: Severity;
  component: string;
  where: string;
  /** The version that fixes it; empty when there is none. */
  fixedIn: string;
}

export interface DebianPackage {
  name: string;
  version: string;
  architecture: string;
}

/** The installed packages of dpkg's status file. */
export function parseDpkgStatus(text: string): DebianPackage[] {
  return text.split(/\n\n+/).flatMap((stanza) => {
    const field = (name: string) => new RegExp(`^${name}: (.+)$`, 'm').exec(stanza)?.[1] ?? '';
    if (!/ installed$/.test(field('Status'))) return [];
    return [{ name: field('Package'), version: field('Version'), architecture: field('Architecture') }];
  });
}

/** What os-release(5) says: the distribution's id, version and code name. */
export function parseDistribution(text: string): { id: string; version: string; codename: string } {
  const field = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  const codename = field('VERSION_CODENAME');
  return { id: field('ID'), version: field('VERSION_ID') || codename, codename };
}

/**
 * The packages that `apt-get --simulate dist-upgrade` would install. One from the security archive counts as HIGH, for the
 * archive does not tell how bad what it fixes is; so does a fix for a stable release (its version ends in +debNuM), for such
 * fixes move from the security archive to the release itself.
 */
export function parseAptSimulation(output: string, where: string): ScanFinding[] {
  const line = /^Inst (\S+) (?:\[(\S+)\] )?\((\S+) ([^)]*)\)/gm;
  return [...output.matchAll(line)].map(([, name = '', installed = '', fixedIn = '', origin = '']) => ({
    id: `deb:${name}`,
    severity:
      /security/i.test(origin) || /[+~]deb\d+u\d+/.test(fixedIn) ? ('HIGH' as const) : ('LOW' as const),
    component: `${name} ${installed}`.trim(),
    where,
    fixedIn,
  }));
}

const toSeverity = (word: string): Severity => {
  const upper = word
    .toUpperCase()
    .replace('MODERATE', 'MEDIUM')
    .replace(/^(INFO|NEGLIGIBLE)$/, 'LOW');
  return SEVERITIES.find((severity) => severity === upper) ?? 'UNKNOWN';
};

/**
 * The findings of `npm audit --json`.
 * @returns undefined when the registry gave none, such as one that does not answer audits
 */
export function parseNpmAudit(output: string): ScanFinding[] | undefined {
  interface Advisory {
    source: number;
    url: string;
    severity: string;
    name: string;
  }
  interface Report {
    vulnerabilities?: Record<string, { via: (Advisory | string)[]; range: string; fixAvailable: unknown }>;
  }
  const { vulnerabilities } = parseJson<Report>(output) ?? {};
  if (!vulnerabilities) return undefined;
  const found = Object.entries(vulnerabilities).flatMap(([name, { via, range, fixAvailable }]) =>
    via.flatMap((advisory) => {
      if (typeof advisory === 'string') return [];
      const id = advisory.url.split('/').at(-1) ?? String(advisory.source);
      const fixedIn = fixAvailable ? 'npm audit fix' : '';
      return [
        { id, severity: toSeverity(advisory.severity), component: `${name} ${range}`, where: 'npm', fixedIn },
      ];
    }),
  );
  return found;
}

/** The findings of `trivy image --format json`. */
export function parseTrivy(output: string, where: string): ScanFinding[] | undefined {
  interface Report {
    Results?: {
      Vulnerabilities?: {
        VulnerabilityID: string;
        PkgName: string;
        InstalledVersion: string;
        FixedVersion?: string;
        Severity: string;
      }[];
    }[];
  }
  const report = parseJson<Report>(output);
  return report?.Results?.flatMap(({ Vulnerabilities }) =>
    (Vulnerabilities ?? []).map((one) => ({
      id: one.VulnerabilityID,
      severity: toSeverity(one.Severity),
      component: `${one.PkgName} ${one.InstalledVersion}`,
      where,
      fixedIn: one.FixedVersion ?? '',
    })),
  );
}

/** The findings of `grype --output json`. */
export function parseGrype(output: string, where: string): ScanFinding[] | undefined {
  interface Report {
    matches?: {
      vulnerability: { id: string; severity: string; fix?: { versions?: string[] } };
      artifact: { name: string; version: string };
    }[];
  }
  return parseJson<Report>(output)?.matches?.map(({ vulnerability, artifact }) => ({
    id: vulnerability.id,
    severity: toSeverity(vulnerability.severity),
    component: `${artifact.name} ${artifact.version}`,
    where,
    fixedIn: vulnerability.fix?.versions?.join(', ') ?? '',
  }));
}

function parseJson<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** A finding that is let pass until a day. */
export interface ScanException {
  id: string;
  reason: string;
  /** The last day on which it counts, YYYY-MM-DD. */
  expires: string;
}

/**
 * Reads deploy/scan-exceptions.yml.
 * @returns the exceptions, and every fault of the file
 */
export function parseExceptions(text: string): { exceptions: ScanException[]; problems: string[] } {
  let list: unknown;
  try {
    list = parse(text) ?? [];
  } catch (error) {
    return { exceptions: [], problems: [(error as Error).message.split('\n')[0] ?? 'is no YAML'] };
  }
  if (!Array.isArray(list)) return { exceptions: [], problems: ['must be a list'] };
  const problems: string[] = [];
  const exceptions = list.flatMap((item: unknown, at) => {
    const { id, reason, expires } = (item ?? {}) as Record<string, unknown>;
    const name = typeof id === 'string' && id ? id : `item ${at + 1}`;
    const day = expires instanceof Date ? expires.toISOString().slice(0, 10) : String(expires ?? '');
    if (typeof id !== 'string' || !id) problems.push(`${name} has no id`);
    if (typeof reason !== 'string' || reason.trim().length < 10)
      problems.push(`${name} has no reason that explains it`);
    if (!/^\d{4}-\d\d-\d\d$/.test(day) || Number.isNaN(Date.parse(day)))
      problems.push(`${name} has no date "expires: YYYY-MM-DD"`);
    return [{ id: String(id), reason: String(reason), expires: day }];
  });
  return { exceptions: problems.length > 0 ? [] : exceptions, problems };
}

/** What becomes of each finding that the scan would fail for. */
export interface Judgement {
  /** From HIGH on, without an exception that still counts. */
  failing: ScanFinding[];
  excepted: { finding: ScanFinding; exception: ScanException }[];
  /** Exceptions whose day is past; they count no more. */
  expired: ScanException[];
  /** Exceptions that match nothing any more. */
  unused: ScanException[];
}

/**
 * Decides on the findings.
 * @param today YYYY-MM-DD
 */
export function judgeFindings(
  findings: readonly ScanFinding[],
  exceptions: readonly ScanException[],
  today: string,
): Judgement {
  const isHigh = ({ severity }: ScanFinding) => severity === 'HIGH' || severity === 'CRITICAL';
  const valid = exceptions.filter(({ expires }) => expires >= today);
  const exceptionOf = (finding: ScanFinding) => valid.find(({ id }) => id === finding.id);
  const high = findings.filter(isHigh);
  return {
    failing: high.filter((finding) => !exceptionOf(finding)),
    excepted: high.flatMap((finding) => {
      const exception = exceptionOf(finding);
      return exception ? [{ finding, exception }] : [];
    }),
    expired: exceptions.filter(({ expires }) => expires < today),
    unused: valid.filter(({ id }) => !findings.some((finding) => finding.id === id)),
  };
}
