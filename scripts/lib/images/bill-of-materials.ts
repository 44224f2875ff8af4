import type { DebianPackage } from './scan-rules.ts';

/** A component of CycloneDX 1.5, as far as it is used here: https://cyclonedx.org/docs/1.5/json/ */
export interface BomComponent {
  type: 'library' | 'application' | 'container';
  'bom-ref': string;
  name: string;
  version: string;
  purl?: string;
  [more: string]: unknown;
}

/** A bill of materials in CycloneDX 1.5. */
export interface Bom {
  $schema: string;
  bomFormat: 'CycloneDX';
  specVersion: '1.5';
  serialNumber: string;
  version: 1;
  metadata: {
    timestamp: string;
    tools: { vendor: string; name: string; version: string }[];
    component: BomComponent;
  };
  components: BomComponent[];
}

export interface BomFacts {
  image: string;
  imageId: string;
  revision: string;
  /** Name and version of this project. */
  tool: { name: string; version: string };
  timestamp: string;
  /** A random UUID. */
  uuid: string;
}

/** Puts components together into a bill of materials; one that two parts have is told once. */
export function makeBom(facts: BomFacts, components: readonly BomComponent[]): Bom {
  const unique = new Map(components.map((component) => [component['bom-ref'], component]));
  const version = facts.revision || facts.imageId;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: `urn:uuid:${facts.uuid}`,
    version: 1,
    metadata: {
      timestamp: facts.timestamp,
      tools: [{ vendor: 'kidney-genetics', ...facts.tool }],
      component: {
        type: 'container',
        'bom-ref': facts.imageId,
        name: facts.image,
        version,
        purl: `pkg:oci/${facts.image.split('/').at(-1)?.replace(/:.*$/, '')}@${encodeURIComponent(facts.imageId)}`,
      },
    },
    components: [...unique.values()].sort((a, b) => a['bom-ref'].localeCompare(b['bom-ref'])),
  };
}

/** A Debian package as a component; the purl is that of https://github.com/package-url/purl-spec. */
export function toDebianComponent(
  { name, version, architecture }: DebianPackage,
  distribution: { id: string; version: string },
): BomComponent {
  const qualifiers = `arch=${architecture}&distro=${distribution.id}-${distribution.version}`;
  const purl = `pkg:deb/${distribution.id}/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${qualifiers}`;
  return { type: 'library', 'bom-ref': purl, name, version, purl };
}

/** Node and the libraries that are compiled into it, out of `process.versions`. */
export function toNodeComponents(versions: Readonly<Record<string, string>>): BomComponent[] {
  const outside = new Set(['modules', 'napi', 'unicode', 'cldr', 'tz']);
  return Object.entries(versions)
    .filter(([name]) => !outside.has(name))
    .map(([name, version]) => {
      const purl = `pkg:generic/${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
      return {
        type: name === 'node' ? ('application' as const) : ('library' as const),
        'bom-ref': purl,
        name,
        version,
        purl,
      };
    });
}
