/**
 * Bundles the API into dist/: server.js, healthcheck.js and what they read at run time. Run by `npm run build -w backend`.
 */
import { cp, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const at = (path: string) => new URL(path, import.meta.url).pathname;

await rm(at('dist'), { recursive: true, force: true });
await build({
  entryPoints: [at('src/server.ts'), at('src/healthcheck.ts')],
  outdir: at('dist'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: 'linked',
  // Types are erased and names kept: stack traces in production logs stay readable.
  keepNames: true,
  legalComments: 'linked',
  // CommonJS packages inside an ES module bundle ask for Node's own modules through require.
  banner: {
    js: "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);",
  },
  // An optional native binding of pg that is not installed.
  external: ['pg-native'],
  logLevel: 'warning',
});
for (const folder of ['migrations', 'data', 'assets'])
  await cp(at(folder), at(`dist/${folder}`), { recursive: true });
