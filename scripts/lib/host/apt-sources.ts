/** One enabled source of binary packages, see sources.list(5). */
export interface AptSource {
  uris: string[];
  suites: string[];
  components: string[];
  /** A keyring's path, or the key itself as deb822 holds it; empty where none is named. */
  signedBy: string;
}

/** Where a host gets Debian from. */
export interface DebianArchive {
  /** The release its packages come from, such as bookworm; a word like `stable` where the source says that. */
  suite: string;
  uri: string;
  signedBy: string;
  security?: { uri: string; signedBy: string };
}

const RELEASES =
  /^(buster|bullseye|bookworm|trixie|forky|duke|sid|unstable|testing|(old){0,2}stable)(-security)?$/;

/**
 * Reads a file of apt's sources.
 * @param path tells the format: *.sources is deb822, anything else has one source a line
 */
export function parseAptSources(path: string, text: string): AptSource[] {
  return path.endsWith('.sources') ? parseDeb822(text) : parseLines(text);
}

function parseDeb822(text: string): AptSource[] {
  const withoutComments = text.replace(/^#.*\n?/gm, '');
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>();
    for (const [, name = '', value = ''] of stanza.matchAll(/^([\w-]+):((?:.*)(?:\n[ \t].*)*)/gm)) {
      fields.set(name.toLowerCase(), value.trim());
    }
    const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
    if (!words('types').includes('deb') || /^(no|false|0)$/i.test(fields.get('enabled') ?? '')) return [];
    return [
      {
        uris: words('uris'),
        suites: words('suites'),
        components: words('components'),
        signedBy: fields.get('signed-by') ?? '',
      },
    ];
  });
}

function parseLines(text: string): AptSource[] {
  const line = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#\n]*)/gm;
  return [...text.matchAll(line)].map(([, options = '', uri = '', suite = '', components = '']) => ({
    uris: [uri],
    suites: [suite],
    components: components.split(/\s+/).filter(Boolean),
    signedBy: /signed-by=(\S+)/.exec(options)?.[1] ?? '',
  }));
}

/**
 * Finds the mirror of Debian itself among the sources; other vendors' repositories may name their suites alike.
 * @returns undefined when the host gets no Debian packages
 */
export function findDebianArchive(sources: readonly AptSource[]): DebianArchive | undefined {
  const candidates = sources
    .filter(({ components }) => components.includes('main'))
    .map((source) => ({ source, score: scoreAsDebian(source, sources) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ source }) => source);
  const pick = (security: boolean) => {
    for (const { uris, suites, signedBy } of candidates) {
      const suite = suites.find((name) => RELEASES.test(name) && name.endsWith('-security') === security);
      if (suite && uris[0]) return { suite, uri: uris[0], signedBy };
    }
    return undefined;
  };
  const archive = pick(false);
  if (!archive) return undefined;
  const security = pick(true);
  return security ? { ...archive, security: { uri: security.uri, signedBy: security.signedBy } } : archive;
}

/** Debian's own: signed by its keyring, with its `-updates` or `-security` suites beside, under a path `debian`. */
function scoreAsDebian(source: AptSource, all: readonly AptSource[]): number {
  const siblings = all
    .filter(({ uris }) => uris.some((uri) => source.uris.includes(uri)))
    .flatMap(({ suites }) => suites);
  return (
    (source.signedBy.includes('debian-archive') ? 4 : 0) +
    (siblings.some((suite) => /-(updates|security)$/.test(suite)) ? 2 : 0) +
    (source.uris.some((uri) => /\/debian(-security)?\/?$/.test(uri)) ? 1 : 0) -
    (source.signedBy && !source.signedBy.includes('debian-archive') ? 1 : 0)
  );
}

/** A stanza of a *.sources file. */
export function formatDeb822(uri: string, suite: string, signedBy: string): string {
  const lines = ['Types: deb', `URIs: ${uri}`, `Suites: ${suite}`, 'Components: main'];
  // An embedded key begins on the line after the field's name.
  if (signedBy) lines.push(signedBy.startsWith('/') ? `Signed-By: ${signedBy}` : `Signed-By:\n ${signedBy}`);
  return `${lines.join('\n')}\n`;
}
