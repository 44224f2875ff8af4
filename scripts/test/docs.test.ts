import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { glob } from 'zx';
import { ROOT } from '../lib/process/root.ts';
import { mustRun } from '../lib/process/shell.ts';
import { containerName, readSettings, SERVICES, shortName } from '../lib/stack/stack.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const pages = (await glob(['README.md', 'docs/**/*.md', 'backend/data/README.md'], { cwd: ROOT })).sort();
/** Targets with their help texts, as `make` lists them. */
const targets = [...read('Makefile').matchAll(/^([a-z-]+):.*## /gm)].map(([, name = '']) => name);

describe('documentation', () => {
  for (const page of pages) {
    it(`${page} links to files that are there`, () => {
      const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = '']) => link);
      const broken = links.filter((link) => !existsSync(join(ROOT, dirname(page), link)));
      assert.deepEqual(broken, []);
    });

    it(`${page} names make targets and scripts that exist`, () => {
      const text = read(page);
      const named = [...text.matchAll(/(?<=[`\n]|make )make ((?:[a-z]+-?)+(?: (?:[a-z]+-)+[a-z]+)*)/g)]
        .flatMap(([, words = '']) => words.split(' '))
        .filter((word) => !targets.includes(word));
      assert.deepEqual(named, []);
      const scripts = [...text.matchAll(/scripts\/[\w/-]+\.ts/g)].map(([path]) => path);
      assert.deepEqual(
        scripts.filter((path) => path !== 'scripts/NAME.ts' && !existsSync(join(ROOT, path))),
        [],
      );
    });
  }

  it('the workflow of GitHub runs make targets that exist', () => {
    const { jobs } = parse(read('.github/workflows/ci.yml')) as {
      jobs: Record<string, { steps: { run?: string }[] }>;
    };
    const commands = Object.values(jobs).flatMap(({ steps }) => steps.map(({ run = '' }) => run));
    const named = commands.flatMap(
      (command) => /\bmake ([a-z -]+)/.exec(command)?.[1]?.trim().split(' ') ?? [],
    );
    assert.ok(named.length > 0);
    assert.deepEqual(
      named.filter((target) => !targets.includes(target)),
      [],
    );
  });

  it('README lists every target', () => {
    const rows = read('README.md').match(/^\| `.*$/gm) ?? [];
    const listed = new Set(
      rows.flatMap((row) => [...row.matchAll(/`(?:make )?([a-z-]+)`/g)].map((m) => m[1])),
    );
    assert.deepEqual(
      targets.filter((target) => target !== 'help' && !listed.has(target)),
      [],
    );
  });

  it('the tree in README is the one of the checkout, file by file and folder by folder', async () => {
    const tree = read('README.md').match(/```text\n(Makefile[\s\S]*?)```/)?.[1] ?? '';
    const named = tree.split('\n').flatMap((line) => line.split(/ {3,}/)[0]?.split(/ +/) ?? []);
    const drawn = named.filter(Boolean).map((name) => name.replace(/\/$/, ''));
    const listed = (await mustRun(['git', 'ls-files'], '', { cwd: ROOT })).split('\n').filter(Boolean);
    const folders = new Set(
      listed.filter((path) => path.includes('/')).map((path) => path.split('/')[0] ?? ''),
    );
    assert.deepEqual(
      [...folders].filter((folder) => !folder.startsWith('.') && !drawn.includes(folder)),
      [],
    );
    assert.deepEqual(
      drawn.filter((name) => !existsSync(join(ROOT, name))),
      [],
    );
  });

  it('the threat model names tests that are there', async () => {
    const named = [
      ...read('docs/SECURITY.md').matchAll(/`((?:[\w-]+\/)*[\w-]+\.(?:test|e2e|slow)\.ts)`/g),
    ].map(([, file]) => file ?? '');
    assert.ok(named.length > 10);
    const there = (file: string) =>
      ['scripts/test', 'backend/test'].some((folder) => existsSync(join(ROOT, folder, file)));
    assert.deepEqual(
      named.filter((file) => !there(file)),
      [],
    );
  });

  it('docs/README.md lists every page', () => {
    const index = read('docs/README.md');
    const listed = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
    assert.deepEqual(
      listed.filter((page) => !index.includes(`(${page.replace('docs/', '')})`)),
      [],
    );
  });

  it('the diagram in docs/architecture.md shows the networks and volumes of the compose file, and no others', () => {
    const diagram = read('docs/architecture.md').match(/```mermaid\n([\s\S]*?)```/)?.[1] ?? '';
    const titles = new Map(
      [...diagram.matchAll(/([\w-]+)[[({]+([^\])}]+)[\])}]+/g)].map(([, id = '', title = '']) => [id, title]),
    );
    const drawn = [...diagram.matchAll(/^ {2}([\w-]+)\S* (?:---|-\.-\|[^|]*\|) ([\w-]+)/gm)]
      .map((ends) => ends.slice(1).map((id) => titles.get(id) ?? id))
      .filter(([from]) => from?.startsWith('kidney-genetics'));
    const { services } = parse(read('deploy/docker-compose.prod.yml'), { merge: true }) as {
      services: Record<string, { networks: string[] | Record<string, unknown>; volumes?: string[] }>;
    };
    const written = Object.entries(services).flatMap(([service, { networks, volumes = [] }]) =>
      [...namesOf(networks), ...volumes.map((volume) => volume.split(':')[0])].map((end) => [
        service.replace('-service', ''),
        end,
      ]),
    );
    assert.deepEqual(drawn.sort(), written.sort());
  });

  it('the table of containers in docs/architecture.md agrees with compose files and Dockerfiles', () => {
    const { services } = parse(read('deploy/docker-compose.prod.yml'), { merge: true }) as {
      services: Record<string, { networks: string[] | Record<string, unknown> }>;
    };
    const settings = readSettings({}, ROOT);
    const expected = SERVICES.map((service) => {
      const dockerfile = read(`deploy/${shortName(service)}.Dockerfile`);
      const user = dockerfile.match(/^USER (\S+)/m)?.[1]?.replace(/:.*/, '') ?? '';
      const port = dockerfile.match(/^EXPOSE (\d+)/m)?.[1] ?? '5432';
      return {
        name: containerName(settings, service),
        networks: namesOf(services[service]?.networks ?? []),
        port,
        user,
      };
    });
    const rows = [...read('docs/architecture.md').matchAll(/^\| `(kidney-genetics-\w+)` \|(.*)\|$/gm)];
    const written = rows.map(([, name, rest = '']) => {
      const [, networks = '', port = '', user = ''] = rest.split('|').map((cell) => cell.trim());
      return { name, networks: networks.replace(/`| \(.*?\)/g, '').split(', '), port, user };
    });
    for (const { name, networks, port, user } of expected) {
      const row = written.find((one) => one.name === name);
      assert.deepEqual([row?.networks, row?.port], [networks, port], name);
      assert.ok(row?.user.includes(user), `${name} runs as ${user}, the page says ${row?.user}`);
    }
    assert.equal(written.length, expected.length);
  });
});

/** Compose takes a list of networks, or a map with what each has more. */
function namesOf(networks: string[] | Record<string, unknown>): string[] {
  return Array.isArray(networks) ? networks : Object.keys(networks);
}
