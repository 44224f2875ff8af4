import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { glob } from 'zx';
import { DescribedError } from '../lib/process/errors.ts';
import { ROOT } from '../lib/process/root.ts';
import { main } from '../lib/terminal/cli.ts';
import { sayOk } from '../lib/terminal/report.ts';

const USAGE = `
Checks who imports whom in scripts/lib: no folder imports one above it, nothing there imports a command, and files named
*-rules, *-plan or *-argv decide without touching anything. A part of make check.

  npx tsx scripts/check/layers.ts`;

/** The folders of scripts/lib from the ground up: each may import itself and those before it. */
export const LAYERS = [
  'process',
  'terminal',
  'app',
  'docker',
  'stack',
  'database',
  'secrets',
  'host',
  'images',
  'release',
  'up',
  'backup',
  'registry',
  'upgrade',
  'verify',
  'proxy',
] as const;

const PURE = /-(rules|plan|argv)\.ts$/;
/** Modules and globals with effects: files, processes, the network, the clock of the machine. */
const EFFECTS =
  /^(node:(fs|child_process|net|http|https|tls|dgram|dns|os|timers|worker_threads)(\/.*)?|zx(\/.*)?)$/;
const GLOBALS = /\bprocess\.|\bconsole\.|\bfetch\(|\bDate\.now\(|\bMath\.random\(/;

/** A source file: its path in the repository and its text. */
export interface Source {
  path: string;
  text: string;
}

/**
 * The imports that run upwards, and the effects in pure files.
 * @returns one line an offence: `scripts/lib/docker/a.ts imports stack/b.ts, which is above it`
 */
export function findOffences(sources: readonly Source[]): string[] {
  const pure = new Set(sources.filter(({ path }) => PURE.test(path)).map(({ path }) => path));
  return sources.flatMap((source) => [
    ...listImports(source).flatMap((target) => offenceOf(source.path, target, pure)),
    ...(pure.has(source.path) && GLOBALS.test(withoutComments(source.text))
      ? [`${source.path} is pure by its name and uses ${GLOBALS.exec(withoutComments(source.text))?.[0]}`]
      : []),
  ]);
}

/** What a file imports while it runs: packages by name, sources by their path in the repository; types count as well. */
function listImports({ path, text }: Source): string[] {
  // The one harmless part of node:net: it only reads its argument.
  const judged = withoutComments(text).replace(
    /import \{ isIP(v[46])?(, isIP(v[46])?)* \} from 'node:net';/g,
    '',
  );
  const found = judged.matchAll(/(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*'([^']+)'/g);
  return [...found].map(([, target = '']) =>
    target.startsWith('.') ? normalize(join(dirname(path), target)) : target,
  );
}

function offenceOf(path: string, target: string, pure: ReadonlySet<string>): string[] {
  if (pure.has(path) && EFFECTS.test(target)) return [`${path} is pure by its name and imports ${target}`];
  if (!target.startsWith('scripts/')) return [];
  const [from, to] = [layerOf(path), layerOf(target)];
  if (to === undefined) return [`${path} imports ${target}, which is a command or a test`];
  if (from === undefined || from < 0 || to < 0)
    return [`${path} or ${target} is in no layer: add its folder to LAYERS`];
  return to > from ? [`${path} imports ${target}, which is above it`] : [];
}

/** @returns undefined outside of scripts/lib, -1 in a folder there that is no layer */
function layerOf(path: string): number | undefined {
  const [, folder] = /^scripts\/lib\/([^/]+)\//.exec(path) ?? [];
  return folder === undefined ? undefined : (LAYERS as readonly string[]).indexOf(folder);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

main(import.meta.url, {
  usage: USAGE,
  options: {},
  async run() {
    const paths = await glob('scripts/lib/**/*.ts', { cwd: ROOT });
    const sources = paths.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
    const offences = findOffences(sources);
    if (offences.length > 0) {
      throw new DescribedError(
        offences.join('\n  '),
        'move what both need down, or pass it in: docs/architecture.md shows the layers',
      );
    }
    sayOk(`${sources.length} files, ${LAYERS.length} layers, no import runs upwards`);
  },
});
