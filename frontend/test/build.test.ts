// @vitest-environment node
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

/** JavaScript at first load, compressed, in bytes. */
const FIRST_LOAD_LIMIT = 60_000;

let dist: string;
let files: string[];
let index: string;

beforeAll(async () => {
  // The runner's own NODE_ENV would bring Vue's development build.
  vi.stubEnv('NODE_ENV', 'production');
  dist = await mkdtemp(join(tmpdir(), 'page-'));
  const root = new URL('..', import.meta.url).pathname;
  await build({
    root,
    configFile: join(root, 'vite.config.ts'),
    mode: 'production',
    logLevel: 'silent',
    build: { outDir: dist, emptyOutDir: true },
  });
  files = await readdir(dist, { recursive: true });
  index = await readFile(join(dist, 'index.html'), 'utf8');
}, 60_000);

afterAll(() => rm(dist, { recursive: true, force: true }));

describe('the build', () => {
  it('has compressed copies that are the same text', async () => {
    const texts = files.filter((name) => /^assets\/.*\.(?:js|css)$/.test(name));
    expect(texts.length).toBeGreaterThan(6);
    for (const name of texts) {
      const source = await readFile(join(dist, name));
      if (source.length < 512) continue;
      expect(gunzipSync(await readFile(join(dist, `${name}.gz`))).equals(source)).toBe(true);
      expect(brotliDecompressSync(await readFile(join(dist, `${name}.br`))).equals(source)).toBe(true);
    }
  });

  it('keeps to the policy: nothing inline, nothing from elsewhere', () => {
    expect(index).not.toMatch(/<style|style=|<script(?![^>]*\bsrc=)[^>]*>|\son\w+=/);
    expect(index).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(index).not.toContain('data:');
  });

  it('is small at first load', async () => {
    const scripts = [...index.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((match) => match[1]);
    expect(scripts.length).toBeGreaterThan(0);
    const sizes = await Promise.all(
      scripts.map(async (name) => (await readFile(join(dist, `${name}.gz`))).length),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(FIRST_LOAD_LIMIT);
  });

  it('keeps the charts out of the first load', () => {
    expect(index).not.toContain('Statistics');
    expect(files.some((name) => /^assets\/StatisticsView-.*\.js$/.test(name))).toBe(true);
  });
});
