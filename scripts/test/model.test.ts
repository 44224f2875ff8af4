import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAtLeast } from '../lib/docker/version.ts';
import { buildArgv } from '../lib/images/build-argv.ts';
import { findLostNetwork, findNameConflicts, findOtherNetwork } from '../lib/stack/network-rules.ts';
import {
  composeArgv,
  findBadSetting,
  findContradiction,
  type Mode,
  readSettings,
  upArgv,
} from '../lib/stack/stack.ts';
import { formatBytes, formatDuration, formatTable } from '../lib/terminal/report.ts';

const settings = readSettings({}, '/srv/kit/.env.production');

describe('settings', () => {
  it('are the specification’s names and ports unless said', () => {
    assert.deepEqual(settings, {
      prefix: 'kidney-genetics',
      network: 'npm-proxy',
      backendOnProxy: true,
      envFile: '/srv/kit/.env.production',
      domain: undefined,
      bind: '127.0.0.1',
      ports: { frontend: 8080, backend: 8001, postgres: 5433 },
    });
  });

  const contradictions: [
    file: Record<string, string>,
    shell: Record<string, string>,
    key: string | undefined,
  ][] = [
    [{}, {}, undefined],
    [{}, { STACK_PREFIX: 'kidney-genetics' }, undefined],
    [{}, { STACK_PREFIX: 'other' }, 'STACK_PREFIX'],
    [{ STACK_PREFIX: 'other' }, { STACK_PREFIX: 'other', LOG_LEVEL: 'DEBUG' }, undefined],
    [{ STACK_PREFIX: 'other' }, { STACK_PREFIX: 'kidney-genetics' }, 'STACK_PREFIX'],
    [{ STACK_PREFIX: 'other' }, { STACK_PREFIX: '' }, undefined],
    [{}, { NPM_NETWORK: 'edge' }, 'NPM_NETWORK'],
    [{}, { DOMAIN: 'a.example' }, undefined],
    [{ DOMAIN: 'b.example' }, { DOMAIN: 'a.example' }, 'DOMAIN'],
    [{ TEST_BIND: '0.0.0.0' }, { TEST_BIND: '127.0.0.1' }, 'TEST_BIND'],
  ];
  for (const [file, shell, key] of contradictions) {
    it(`${key ?? 'nothing'} is contradicted by ${JSON.stringify(shell)} over ${JSON.stringify(file)}`, () => {
      assert.equal(findContradiction(file, shell)?.key, key);
    });
  }
});

describe('a setting that the engine would refuse', () => {
  const cases: [env: Record<string, string>, problem: RegExp | undefined][] = [
    [{}, undefined],
    [{ STACK_PREFIX: 'shop-2', NPM_NETWORK: 'Proxy_net.1', TEST_BIND: '0.0.0.0' }, undefined],
    [{ STACK_PREFIX: 'My App' }, /^STACK_PREFIX=My App must have small letters/],
    [{ STACK_PREFIX: '../up' }, /^STACK_PREFIX=/],
    [{ STACK_PREFIX: 'a--b' }, /^STACK_PREFIX=/],
    [{ STACK_PREFIX: 'a'.repeat(41) }, /40 at the most/],
    [{ NPM_NETWORK: 'a b' }, /^NPM_NETWORK=a b must /],
    [{ TEST_BIND: 'localhost' }, /^TEST_BIND=localhost must be an IPv4 address/],
    [{ TEST_BACKEND_PORT: 'http' }, /^TEST_BACKEND_PORT=http must be a number/],
    [{ TEST_BACKEND_PORT: '70000' }, /^TEST_BACKEND_PORT=70000 must be a number/],
    [{ TEST_BACKEND_PORT: '8080' }, /^TEST_FRONTEND_PORT and TEST_BACKEND_PORT are both 8080/],
  ];
  for (const [env, problem] of cases) {
    it(`${problem ? 'is' : 'is not'} in ${JSON.stringify(env)}`, () => {
      const found = findBadSetting(env);
      if (problem) assert.match(found ?? '', problem);
      else assert.equal(found, undefined);
    });
  }
});

describe('a network that a container lost', () => {
  const backend = (networks: Record<string, string>, mode: Mode | undefined = 'production') =>
    ({ service: 'kidney-genetics-backend-service', mode, networks }) as const;
  const ids = new Map([
    ['npm-proxy', '1'],
    ['kidney-genetics-internal', '2'],
    ['kidney-genetics-api', '3'],
  ]);
  const whole = { 'npm-proxy': '1', 'kidney-genetics-internal': '2', 'kidney-genetics-api': '3' };
  const cases: [string, ReturnType<typeof backend>, string | undefined][] = [
    ['none', backend(whole), undefined],
    ['none, with one more of the operator’s own', backend({ ...whole, monitoring: '4' }), undefined],
    [
      'none yet, as it never ran',
      backend({ 'npm-proxy': '', 'kidney-genetics-internal': '', 'kidney-genetics-api': '' }),
      undefined,
    ],
    [
      'taken off by hand',
      backend({ 'npm-proxy': '1', 'kidney-genetics-internal': '2' }),
      'kidney-genetics-api',
    ],
    ['removed and made again', backend({ ...whole, 'npm-proxy': '0' }), 'npm-proxy'],
    ['of test mode, which has one of its own', backend(whole, 'test'), 'kidney-genetics-test'],
  ];
  for (const [what, container, lost] of cases) {
    it(what, () => assert.equal(findLostNetwork(container, settings, ids), lost));
  }
  it('removed, and not made again', () => {
    assert.equal(findLostNetwork(backend(whole), settings, new Map()), 'npm-proxy');
    assert.equal(findLostNetwork(backend(whole), settings), undefined, 'what it says of itself is whole');
  });
});

describe('the network of a stack that was brought up with another setting', () => {
  const stackOn = (backend: string[], frontend: string[], mode: Mode = 'production') =>
    [
      ['kidney-genetics-backend-service', backend] as const,
      ['kidney-genetics-frontend-service', frontend] as const,
    ].map(([service, names]) => ({
      service,
      mode,
      networks: Object.fromEntries(names.map((name) => [name, 'id'])),
    }));
  const internal = 'kidney-genetics-internal';
  const cases: [string, ReturnType<typeof stackOn>, string | undefined][] = [
    ['is told', stackOn(['kidney-genetics-api', 'edge', internal], ['kidney-genetics-api', 'edge']), 'edge'],
    ['is none where the set one is there', stackOn(['edge', 'npm-proxy'], ['edge']), undefined],
    ['is none where one alone is on another', stackOn([internal], ['monitoring']), undefined],
    ['is none in test mode', stackOn(['edge'], ['edge'], 'test'), undefined],
    ['is none for half a stack', stackOn(['edge'], ['edge']).slice(1), undefined],
  ];
  for (const [what, containers, other] of cases) {
    it(what, () => assert.equal(findOtherNetwork(containers, settings), other));
  }
});

describe('command lines', () => {
  it('bring production up from images that are there', () => {
    assert.deepEqual(upArgv('production', settings), [
      ...['docker', 'compose', '-p', 'kidney-genetics', '--env-file', '/dev/null'],
      ...['-f', 'deploy/docker-compose.prod.yml', 'up', '-d', '--no-build', '--pull', 'never'],
    ]);
  });

  it('take one file more in test mode, and name no volume when going down', () => {
    assert.deepEqual(composeArgv('test', settings, ['down']), [
      ...['docker', 'compose', '-p', 'kidney-genetics', '--env-file', '/dev/null'],
      ...['-f', 'deploy/docker-compose.prod.yml', '-f', 'deploy/docker-compose.prod.test.yml', 'down'],
    ]);
  });

  it('build passes the CA bundle as a secret, not as an argument', () => {
    const argv = buildArgv('backend', {
      prefix: 'kidney-genetics',
      version: '1.2.3',
      revision: 'abc',
      bases: { backend: 'node:24', frontend: 'nginx:1', postgres: 'postgres:17' },
      nodeBase: 'node:24',
      viteApiBaseUrl: '/api',
      viteWsUrl: '/ws',
      noCache: true,
      caBundle: '/etc/ca.crt',
    });
    assert.deepEqual(argv, [
      ...['docker', 'build', '--file', 'deploy/backend.Dockerfile'],
      ...['--tag', 'kidney-genetics-backend:latest', '--tag', 'kidney-genetics-backend:1.2.3-abc'],
      ...[
        '--build-arg',
        'APP_VERSION=1.2.3',
        '--build-arg',
        'APP_REVISION=abc',
        '--build-arg',
        'NODE_BASE=node:24',
      ],
      ...['--no-cache', '--secret', 'id=ca,src=/etc/ca.crt', '.'],
    ]);
  });
});

describe('names on the shared network', () => {
  const taking = ['kidney-genetics-backend', 'kidney-genetics-frontend'];

  it('conflict when another project answers to one', () => {
    const members = [{ container: 'x-1', project: 'other', names: ['x', 'kidney-genetics-backend'] }];
    assert.deepEqual(findNameConflicts(members, taking, 'kidney-genetics'), [
      { name: 'kidney-genetics-backend', container: 'x-1', project: 'other' },
    ]);
  });

  it('do not conflict with our own containers or with other names', () => {
    const members = [
      { container: 'a', project: 'kidney-genetics', names: taking },
      { container: 'b', project: 'other', names: ['backend', 'frontend'] },
    ];
    assert.deepEqual(findNameConflicts(members, taking, 'kidney-genetics'), []);
  });
});

describe('versions', () => {
  const table: [string, string, boolean][] = [
    ['26.1.5+dfsg1', '25.0', true],
    ['24.0.7', '25.0', false],
    ['v2.24.4', '2.24.4', true],
    ['2.24.3-desktop.1', '2.24.4', false],
    ['2.26.1-4', '2.24.4', true],
    ['25', '25.0', true],
    ['dev', '25.0', false],
  ];
  for (const [version, minimum, expected] of table) {
    it(`${version} is ${expected ? 'at least' : 'below'} ${minimum}`, () =>
      assert.equal(isAtLeast(version, minimum), expected));
  }
});

describe('reports', () => {
  const wide = [
    ['NAME', 'STATE', 'RESTARTS', 'IMAGE', 'WHY'],
    ['kidney-genetics-frontend', 'running', '0', '0.2.0-c353d509d690-046d4f', 'x'.repeat(60)],
    ['kidney-genetics-backend', 'exited', '0', '0.2.0-c353d509d690-046d4f', ''],
  ];
  const fits: [width: number, head: RegExp][] = [
    [200, /^NAME +STATE +RESTARTS +IMAGE +WHY$/],
    [128, /^NAME +STATE +IMAGE +WHY$/],
    [100, /^NAME +STATE +WHY$/],
    [80, /^NAME +STATE +WHY$/],
    [40, /^NAME +STATE +WHY$/],
  ];
  for (const [width, head] of fits) {
    it(`fits a table into ${width} columns`, () => {
      const lines = formatTable(wide, { width, spare: ['IMAGE'] }).split('\n');
      assert.match(lines[0] ?? '', head);
      assert.ok(lines.every((line) => line.length <= width));
      assert.ok(width < 80 || lines[1]?.startsWith('kidney-genetics-frontend '), 'a name can be copied');
      assert.equal(
        lines.some((line) => line.includes('…')),
        width < 100,
      );
    });
  }

  it('align columns whatever their colours', () => {
    const table = formatTable([
      ['A', 'B'],
      ['\u001b[32mlong\u001b[39m', 'x'],
    ]);
    assert.equal(table, 'A     B\n\u001b[32mlong\u001b[39m  x');
  });

  it('write sizes and times as people read them', () => {
    assert.deepEqual([0, 1023, 1536, 1024 ** 3].map(formatBytes), ['0 B', '1023 B', '1.5 KiB', '1 GiB']);
    assert.deepEqual([12, 3100, 240_000, 18_000_000, 600_000_000].map(formatDuration), [
      ...['12 ms', '3.1 s', '4 min', '5 h', '6 d'],
    ]);
  });
});
