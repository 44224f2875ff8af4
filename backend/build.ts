/**
 * Bundles the API into dist/: server.js, healthcheck.js, watchdog.js and what they read at run time. Run by `npm run build -w backend`.
 */
import { cp, rm, writeFile } from 'node:fs/promises';
import { build, type Plugin } from 'esbuild';

const at = (path: string) => new URL(path, import.meta.url).pathname;

/**
 * pino asks who calls it, for transports in worker threads, of which there are none here: to answer, Node would read the
 * whole source map at every start.
 */
const withoutCallers: Plugin = {
  name: 'without-callers',
  setup({ onLoad }) {
    onLoad({ filter: /\/pino\/lib\/caller\.js$/ }, () => ({ contents: 'module.exports = () => [];' }));
  },
};

await rm(at('dist'), { recursive: true, force: true });
await build({
  entryPoints: ['server', 'healthcheck', 'watchdog'].map((name) => at(`src/${name}.ts`)),
  outdir: at('dist'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Importing node:http into an ES module would load what Node keeps for later (its fetch): a tenth of a start.
  format: 'cjs',
  banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': 'moduleUrl' },
  // Stack traces in production logs name files and lines of the sources. The server starts the sooner the less there is to
  // read: names stay, blanks go, and the map does without a copy of the sources.
  sourcemap: 'linked',
  sourcesContent: false,
  minifyWhitespace: true,
  minifySyntax: true,
  plugins: [withoutCallers],
  legalComments: 'linked',
  // An optional native binding of pg that is not installed.
  external: ['pg-native'],
  logLevel: 'warning',
});
for (const folder of ['migrations', 'data', 'assets'])
  await cp(at(folder), at(`dist/${folder}`), { recursive: true });
await writeFile(at('dist/package.json'), '{ "type": "commonjs" }\n');
