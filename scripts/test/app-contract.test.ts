import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { app } from '../lib/app/contract.ts';
import { ROOT } from '../lib/process/root.ts';

const page = readFileSync(join(ROOT, 'docs/adapting.md'), 'utf8');

describe('what the kit knows of its app', () => {
  it('is what docs/adapting.md lists, key by key and in this order', () => {
    const listed = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key);
    assert.deepEqual(listed, Object.keys(app));
    for (const [key, value] of Object.entries(app)) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${key}\` |`)) ?? '';
      if (typeof value === 'string') assert.ok(row.includes(`\`${value}\``), `${key} is ${value}`);
    }
  });

  it('stands in scripts/lib/app/ alone', () => {
    const files = readdirSync(join(ROOT, 'scripts'), { recursive: true, encoding: 'utf8' }).filter(
      (path) => /\.ts$/.test(path) && !/^(test|bench|check|lib\/app)\//.test(path),
    );
    assert.ok(files.length > 100);
    const told = files.flatMap((path) =>
      readFileSync(join(ROOT, 'scripts', path), 'utf8')
        .split('\n')
        .filter((line) =>
          /\bgenes?\b|PKD\d|HGNC|polycystin/i.test(
            line.replace(/kidney[-_. ]genetics|genes\.(csv|tsv|example)|public\.genes/gi, ''),
          ),
        )
        .map((line) => `${path}: ${line.trim()}`),
    );
    assert.deepEqual(told, []);
  });

  it('names places that are there', () => {
    for (const [, path = ''] of page.matchAll(/`((?:scripts|deploy)\/[\w./-]+)`/g)) {
      const parts = path.replace(/\/$/, '').split('/');
      const folder = readdirSync(join(ROOT, ...parts.slice(0, -1)));
      assert.ok(folder.includes(parts.at(-1) ?? ''), path);
    }
  });
});
