import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { isNamedFor } from '../lib/release/update-plan.ts';
import { compareCatalogs, parseCatalog } from '../lib/verify/drift/catalog-rules.ts';
import { flattenChains } from '../lib/verify/drift/definition-rules.ts';
import {
  compareContainer,
  compareObject,
  type Inspected,
  renameForReference,
} from '../lib/verify/drift/engine-rules.ts';
import { findLimitDrift, findMountDrift } from '../lib/verify/drift/inside-rules.ts';
import { findIntruders, type Neighbour, type Own } from '../lib/verify/drift/neighbour-rules.ts';
import { findStrangers, whoStays } from '../lib/verify/drift/process-rules.ts';
import type { ContainerFacts, ProcessFacts } from '../lib/verify/facts.ts';
import { healthyFacts } from './verify-breaks.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Path = (string | number)[];

const read = <T>(name: string) =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8')) as T;

/** Recorded from a real engine: a running container, and the one that Compose made for comparison. */
const RECORDS = read<{ running: Inspected; reference: Inspected; network: Inspected; volume: Inspected }>(
  'drift-records.json',
);

/** Fields of a running container that belong to its life, by the first words of their path. */
const LIFE = new Set([
  ...['Id', 'Created', 'State', 'RestartCount', 'ExecIDs', 'GraphDriver'],
  ...[
    'ResolvConfPath',
    'HostnamePath',
    'HostsPath',
    'LogPath',
    'AppArmorProfile',
    'MountLabel',
    'ProcessLabel',
  ],
]);

/** Every leaf of a record, and every empty place of it. */
function listLeaves(value: Json, path: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const inner = Object.entries(value).flatMap(([key, one]) =>
    listLeaves(one, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return inner.length > 0 ? inner : [path];
}

/** Another value of the same kind, where the engine could have one. */
function another(value: Json, path: Path): Json {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'string') return `${value}x`;
  const key = String(path.at(-1));
  return Array.isArray(value) || /s$|Opt$|Options|Env|Binds|Dns/.test(key) ? ['odd'] : 'odd';
}

function change(record: Inspected, path: Path): Inspected {
  const copy = structuredClone(record) as Json;
  let at = copy as Record<string | number, Json>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, Json>;
  const last = path.at(-1) ?? '';
  at[last] = another(at[last] ?? null, path);
  return copy as unknown as Inspected;
}

const compare = (running: Inspected) => compareContainer(RECORDS.reference, running, new Map());

describe('drift of the engine’s records', () => {
  it('is none between a container that runs and what Compose makes of the same files', () => {
    assert.deepEqual(compare(RECORDS.running), []);
    assert.deepEqual(compareObject(RECORDS.network, structuredClone(RECORDS.network)), []);
  });

  it('is seen for every field that the engine’s record has, one at a time', (t) => {
    const changed = listLeaves(RECORDS.running as unknown as Json).filter(
      ([first]) => !LIFE.has(String(first)),
    );
    const unseen = changed.filter((path) => compare(change(RECORDS.running, path)).length === 0);
    const names = unseen.map((path) => path.join('.'));
    // What stays unseen: addresses and ids of an endpoint, and Compose's own notes.
    assert.deepEqual(
      names.filter(
        (name) =>
          !/^NetworkSettings\.|^Config\.Labels\.com\.docker\.compose\.(config-hash|depends_on|project\.(config_files|environment_file)|version)$/.test(
            name,
          ),
      ),
      [],
    );
    const seen = changed.filter((path) => !unseen.includes(path)).map((path) => path.join('.'));
    t.diagnostic(`seen (${seen.length}): ${seen.join(', ')}`);
    t.diagnostic(`may differ (${names.length}): ${names.join(', ')}`);
    assert.ok(seen.length >= 60, `${seen.length} seen`);
    for (const name of ['IPAMConfig', 'Links', 'Aliases.0', 'DriverOpts'])
      assert.ok(!names.some((one) => one.endsWith(`.${name}`)), name);
  });

  it('is seen for a field that nobody has heard of yet, and for one that is gone', () => {
    const host = RECORDS.running.HostConfig as Record<string, Json>;
    const more = { ...RECORDS.running, HostConfig: { ...host, NewPower: 'all' } };
    assert.deepEqual(compare(more), ['HostConfig.NewPower: all is too much']);
    const { PidsLimit: _, ...less } = host;
    assert.deepEqual(compare({ ...RECORDS.running, HostConfig: less }), [
      'HostConfig.PidsLimit: 200 is missing',
    ]);
  });

  it('names a variable and never its value', () => {
    const config = RECORDS.running.Config as Record<string, Json>;
    const Env = [...(config.Env as string[]), 'NODE_OPTIONS=--inspect', 'TOKEN=very-secret'];
    assert.deepEqual(compare({ ...RECORDS.running, Config: { ...config, Env } }), [
      'Config.Env: NODE_OPTIONS, TOKEN is too much',
    ]);
  });

  it('is seen for networks and volumes, whatever their field', () => {
    for (const record of [RECORDS.network, RECORDS.volume]) {
      const known =
        /^(Id|Name|Created|CreatedAt|Containers|Mountpoint|IPAM\.Config|Labels\.com\.docker\.compose\.version)/;
      for (const path of listLeaves(record as unknown as Json).filter((one) => !known.test(one.join('.'))))
        assert.equal(compareObject(record, change(record, path)).length, 1, path.join('.'));
    }
  });

  it('makes the reference of the stack’s own files, with other names alone', () => {
    const model = {
      services: { a: { container_name: 'x-a', image: 'i' } },
      networks: { proxy: { name: 'npm-proxy', external: true }, own: { name: 'x-own' } },
    };
    assert.deepEqual(renameForReference(model), {
      services: { a: { container_name: 'x-a-reference' } },
      networks: { own: { name: 'x-own-reference' } },
      volumes: {},
    });
  });
});

describe('drift inside of a container', () => {
  const service = (name: string): ContainerFacts => {
    const found = healthyFacts().containers.find((one) => one.service === name);
    assert.ok(found?.inside);
    return found;
  };
  const inside = (one: ContainerFacts) => {
    assert.ok(one.inside);
    return one.inside;
  };
  const last = (one: ContainerFacts): ProcessFacts => {
    const found = inside(one).processes.at(-1);
    assert.ok(found);
    return found;
  };

  it('is none on a healthy stack', () => {
    for (const name of ['postgres', 'backend', 'frontend'])
      assert.deepEqual(findStrangers(service(name)), []);
  });

  const strangers: [string, string, (one: ContainerFacts) => void][] = [
    [
      'root, by docker exec --privileged',
      'backend',
      (one) => inside(one).others.push({ ...last(one), uids: [0, 0, 0, 0] }),
    ],
    [
      'a shell, by docker exec',
      'frontend',
      (one) => inside(one).others.push({ ...last(one), program: '/usr/bin/bash' }),
    ],
    [
      'another Node that left its parent',
      'backend',
      (one) => inside(one).processes.push({ ...last(one), pid: 999 }),
    ],
    [
      'a child of the API',
      'backend',
      (one) => inside(one).processes.push({ ...last(one), pid: 999, parent: last(one).pid }),
    ],
    [
      'a program that nginx started',
      'frontend',
      (one) => inside(one).processes.push({ ...last(one), pid: 999, program: '/usr/bin/perl' }),
    ],
    [
      'a program that is deleted',
      'postgres',
      (one) => Object.assign(last(one), { program: '/tmp/x (deleted)' }),
    ],
    [
      'a capability',
      'postgres',
      (one) => Object.assign(last(one), { capabilities: { ...last(one).capabilities, effective: '1' } }),
    ],
    ['another uid', 'postgres', (one) => Object.assign(last(one), { uids: [999, 999, 999, 0] })],
    [
      'a program in the service’s place',
      'backend',
      (one) => Object.assign(last(one), { program: '/usr/bin/sleep' }),
    ],
    [
      'a health probe that never ends',
      'frontend',
      (one) => inside(one).others.push({ ...last(one), isProbe: true, seconds: 4000 }),
    ],
    [
      'what calls itself a beginning of the engine for long',
      'backend',
      (one) => inside(one).others.push({ ...last(one), name: 'runc:[2:INIT]', program: '', seconds: 9 }),
    ],
    [
      'who hides his program',
      'backend',
      (one) => inside(one).others.push({ ...last(one), program: '', seconds: 0 }),
    ],
    [
      'a health probe as root',
      'frontend',
      (one) => inside(one).others.push({ ...last(one), isProbe: true, uids: [0, 0, 0, 0] }),
    ],
  ];
  for (const [what, name, breakIt] of strangers) {
    it(`sees ${what}`, () => {
      const one = service(name);
      breakIt(one);
      assert.ok(findStrangers(one).length > 0);
    });
  }

  it('lets the kit’s own psql and the health probe be', () => {
    const one = service('postgres');
    inside(one).others.push({ ...last(one), program: '/usr/lib/postgresql/17/bin/psql' });
    inside(one).others.push({ ...last(one), program: '/usr/bin/perl', isProbe: true, seconds: 1 });
    assert.deepEqual(findStrangers(one), []);
  });

  it('sees who stays, not who was on the way to be what is known or was gone at the second look', () => {
    const [first, second] = [service('postgres'), service('postgres')];
    const [wrapper, guest] = [
      { ...last(first), pid: 901, program: '/usr/bin/perl' },
      { ...last(first), pid: 902, program: '/usr/bin/sleep' },
    ];
    inside(first).others.push(wrapper, { ...wrapper, pid: 903 }, guest);
    inside(second).others.push({ ...wrapper, program: '/usr/lib/postgresql/17/bin/psql' }, guest);
    inside(second).others.push({ ...wrapper, pid: 904 });
    const settled = { ...second, inside: { ...inside(second), ...whoStays(inside(first), inside(second)) } };
    assert.deepEqual(findStrangers(settled), [
      `sleep (pid 902, uid ${guest.uids[1]}) was started in the container by somebody`,
    ]);
  });

  it('lets the frontend’s entrypoint stay in front of nginx, and nobody else’s', () => {
    for (const [name, strangers] of [
      ['frontend', 0],
      ['postgres', 1],
    ] as const) {
      const one = service(name);
      const at = one.init ? 1 : 0;
      const main = inside(one).processes[at];
      assert.ok(main);
      inside(one).processes.splice(at, 0, { ...main, program: '/usr/bin/dash', pid: 6 });
      main.parent = 6;
      assert.equal(findStrangers(one).length > 0, strangers > 0, `${name}: ${findStrangers(one)}`);
    }
  });

  it('lets be who is dead, or is about to become a probe', () => {
    const one = service('backend');
    const rights = { uids: [0, 0, 0, 0], program: '' };
    inside(one).others.push({ ...last(one), ...rights, name: 'runc:[2:INIT]', seconds: 0 });
    inside(one).others.push({ ...last(one), ...rights, state: 'Z', seconds: 1 });
    assert.deepEqual(findStrangers(one), []);
  });

  const asked = {
    HostConfig: {
      Memory: 1024,
      NanoCpus: 1e9,
      PidsLimit: 200,
      Tmpfs: { '/tmp': '' },
      Ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }],
    },
    Mounts: [{ Destination: '/data' }],
  };

  it('sees a limit that was changed behind the engine’s back', () => {
    const base = { ...inside(service('backend')), memory: 1024, cpus: 1, pids: 200, coreBytes: 0 };
    assert.deepEqual(findLimitDrift(asked, base), []);
    assert.deepEqual(findLimitDrift(asked, { ...base, memory: null, cpus: 2, pids: 999, coreBytes: null }), [
      ...[
        'memory: no limit, not 1024',
        'CPUs: 2, not 1',
        'processes: 999, not 200',
        'core size: no limit, not 0',
      ],
    ]);
  });

  it('sees a mount that no file asks for', () => {
    const mountPoints = ['/', '/proc', '/dev/shm', '/etc/hosts', '/tmp', '/data'];
    const base = { ...inside(service('backend')), mountPoints };
    assert.deepEqual(findMountDrift(asked, base), []);
    assert.deepEqual(findMountDrift(asked, { ...base, mountPoints: ['/', '/tmp', '/app'] }), [
      'something is mounted at /app',
      'nothing is mounted at /data',
    ]);
  });
});

describe('drift by other containers', () => {
  const own: Own = {
    ...{
      prefix: 'kg',
      containers: ['kg-postgres'],
      probes: ['kg-verify-1'],
      networks: ['kg-internal', 'n1'],
    },
    ...{
      shared: ['npm-proxy', 'n2'],
      volumes: ['kg-data'],
      folders: ['/var/lib/docker/volumes/kg-data/_data', '/srv/secrets'],
    },
  };
  const container = (
    name: string,
    more: Record<string, unknown> = {},
    host: Record<string, unknown> = {},
  ): Neighbour =>
    ({
      ...{ Id: `id-${name}`, Name: `/${name}`, Config: { Image: 'shop', Labels: null }, Mounts: [] },
      HostConfig: {
        ...{
          NetworkMode: 'bridge',
          PidMode: '',
          IpcMode: 'private',
          VolumesFrom: null,
          PortBindings: {},
          PublishAllPorts: false,
        },
        ...host,
      },
      NetworkSettings: { Networks: { bridge: { NetworkID: 'n0' } } },
      ...more,
    }) as Neighbour;
  const on = (name: string, id: string) => ({ NetworkSettings: { Networks: { [name]: { NetworkID: id } } } });
  const postgres = container('kg-postgres');

  it('is none by whoever minds his own', () => {
    const npm = container(
      'npm',
      { ...on('npm-proxy', 'n2'), Config: { Image: 'jc21/nginx-proxy-manager:2', Labels: {} } },
      { PortBindings: { '80/tcp': [] } },
    );
    assert.deepEqual(
      findIntruders(
        [postgres, npm, container('shop', on('npm-proxy', 'n2')), container('kg-verify-1', on('n1', 'n1'))],
        own,
      ),
      [],
    );
  });

  const cases: [Neighbour, string][] = [
    [container('spy', on('kg-internal', 'n1')), 'spy is on kg-internal'],
    [container('spy', on('n1', 'n1')), 'spy is on n1'],
    [
      container('spy', {}, { NetworkMode: 'container:id-kg-postgres' }),
      'spy shares a namespace with kg-postgres',
    ],
    [container('spy', {}, { PidMode: 'container:kg-postgres' }), 'spy shares a namespace with kg-postgres'],
    [container('spy', { Mounts: [{ Name: 'kg-data', Source: '/x' }] }), 'spy mounts kg-data'],
    [container('spy', { Mounts: [{ Source: '/srv/secrets/key' }] }), 'spy mounts /srv/secrets/key'],
    [container('spy', {}, { VolumesFrom: ['kg-postgres:ro'] }), 'spy mounts kg-postgres:ro'],
    [
      container('spy', { Config: { Image: 'x', Labels: { 'com.docker.compose.project': 'kg' } } }),
      'spy says that it belongs to kg',
    ],
    [
      container('spy', on('npm-proxy', 'n2'), { PortBindings: { '8080/tcp': [{}] } }),
      'spy is on the shared network and publishes 8080/tcp: a way past the proxy',
    ],
  ];
  for (const [one, said] of cases)
    it(said, () => assert.deepEqual(findIntruders([postgres, one], own), [said]));
});

describe('drift of the database', () => {
  /** Recorded from a real server: a few rows of every catalog that has any. */
  const text = readFileSync(new URL('fixtures/drift-catalog.jsonl', import.meta.url), 'utf8');
  const lines = text.split('\n').filter(Boolean);
  const differences = (changed: readonly string[]) =>
    compareCatalogs(parseCatalog(text), parseCatalog(changed.join('\n')));

  it('is none between equal servers, in whatever order', () => {
    assert.deepEqual(differences([...lines].reverse()), []);
  });

  it('is seen for every column of every row, one at a time, and for every row that is gone or too much', (t) => {
    const tried = new Set<string>();
    lines.forEach((line, index) => {
      const { row, ...rest } = JSON.parse(line) as { catalog: string; row: Record<string, Json> };
      assert.equal(differences(lines.toSpliced(index, 1)).length, 1, line);
      const odd = JSON.stringify({ ...rest, key: 'odd', row });
      assert.equal(differences([...lines, odd]).length, 1, line);
      for (const [column, value] of Object.entries(row)) {
        const changed = JSON.stringify({ ...rest, row: { ...row, [column]: another(value, [column]) } });
        assert.ok(differences(lines.toSpliced(index, 1, changed)).length > 0, `${line} ${column}`);
        tried.add(`${rest.catalog}.${column}`);
      }
    });
    t.diagnostic(`seen (${tried.size}): ${[...tried].sort().join(', ')}`);
    assert.ok(tried.size >= 60, `${tried.size}`);
  });

  const chains: [string, string][] = [
    ['(((a) AND (b)) AND (c))', '((a) AND (b) AND (c))'],
    ['((a) AND ((b) AND (c)))', '((a) AND (b) AND (c))'],
    ['(((a) OR (f(b))) OR (c))', '((a) OR (f(b)) OR (c))'],
    ['((((a) AND (b)) AND (c)) AND (d))', '((a) AND (b) AND (c) AND (d))'],
    ...[
      '(((a) OR (b)) AND (c))',
      '(((a) AND (b)) OR (c))',
      '((NOT ((a) AND (b))) AND (c))',
      '(f((a) AND (b)) AND (c))',
      "((a = '((x) AND (y)) AND (z)') AND (c))",
      '((a) AND (b))',
    ].map((same): [string, string] => [same, same]),
  ];
  for (const [definition, flat] of chains)
    it(`takes ${definition} for ${flat}`, () => assert.equal(flattenChains(definition), flat));

  it('leaves out what a session or a restore keeps for a while', () => {
    const row = (catalog: string, name: string) =>
      JSON.stringify({ in: '', catalog, key: name, row: { name } });
    const more = [
      row('pg_database', 'kg_replaced_20260102t030405'),
      row('pg_namespace', 'pg_temp_3'),
      row('pg_database', 'kg_restoring'),
    ];
    assert.deepEqual(differences([...lines, ...more]), []);
    assert.equal(differences([...lines, row('pg_database', 'shop')]).length, 1);
  });
});

describe('the images of a release', () => {
  const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 6);
  const image = (id: string, content: string) => ({ id, content });
  const [backend, frontend] = [image('sha256:a', 'layers of a'), image('sha256:b', 'layers of b')];
  const rebuilt = image('sha256:a2', 'layers of a');
  const other = image('sha256:c', 'layers of c');
  const app = `1.0.0-abc-${digest('layers of a,layers of b')}`;
  const old = `1.0.0-abc-${digest('sha256:a,sha256:b')}`;

  it('are those whose contents its name was made of, under whatever id', () => {
    assert.equal(isNamedFor(app, [backend, frontend], [backend, frontend]), true);
    assert.equal(isNamedFor(app, [rebuilt, frontend], [undefined, frontend]), true);
    assert.equal(isNamedFor(app, [other, frontend], [backend, frontend]), false);
    assert.equal(isNamedFor(app, [other, frontend], [other, frontend]), false, 'the tags were moved too');
    assert.equal(isNamedFor(app, [frontend, backend], [backend, frontend]), false);
    assert.equal(isNamedFor(app, [undefined, undefined], [undefined, undefined]), false);
  });

  it('of an older release are those whose ids its name was made of, or others of the same contents', () => {
    assert.equal(isNamedFor(old, [backend, frontend], [backend, frontend]), true);
    assert.equal(isNamedFor(old, [backend, frontend], [undefined, undefined]), true);
    assert.equal(isNamedFor(old, [rebuilt, frontend], [backend, frontend]), true);
    assert.equal(isNamedFor(old, [other, frontend], [backend, frontend]), false);
    assert.equal(isNamedFor(old, [other, frontend], [other, frontend]), false);
  });
});
