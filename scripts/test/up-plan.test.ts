import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerInfo } from '../lib/docker/containers.ts';
import { DescribedError } from '../lib/process/errors.ts';
import { networksOf } from '../lib/stack/network-rules.ts';
import { containerName, readSettings, SERVICES, type Service } from '../lib/stack/stack.ts';
import { describePlan, findHandiwork } from '../lib/up/describe-rules.ts';
import { planUp, type Sight, type Wish } from '../lib/up/up-plan.ts';

const settings = readSettings({}, '/srv/kit/.env.production');
const [POSTGRES, BACKEND, FRONTEND] = SERVICES;
const deployed = { app: '1.0.0-abc-111111', database: '1.0.0-abc-222222' };
const networkIds = new Map(
  ['npm-proxy', 'kidney-genetics-internal', 'kidney-genetics-api'].map((name) => [name, `id-${name}`]),
);

function container(service: Service, change: Partial<ContainerInfo> = {}): ContainerInfo {
  const name = containerName(settings, service);
  return {
    ...{
      id: `id-${name}`,
      name,
      service,
      project: 'kidney-genetics',
      mode: 'production',
      state: 'running',
      health: 'healthy',
    },
    ...{
      startedAt: '',
      finishedAt: '',
      exitCode: 0,
      probe: '',
      oomKilled: false,
      restarts: 0,
      image: `${name}:tag`,
      revision: '',
    },
    ...{ ports: [], memoryLimit: 0, cpuLimit: 0, names: {}, addresses: {}, imageId: `sha256:${service}` },
    networks: Object.fromEntries(
      networksOf('production', settings, service).map((network) => [network, `id-${network}`]),
    ),
    labels: { 'com.docker.compose.service': service },
    ...change,
  };
}

const whole = SERVICES.map((service) => container(service));
const without = (...gone: Service[]) => whole.filter(({ service }) => !gone.some((one) => one === service));

function sight(change: Partial<Sight> = {}): Sight {
  return {
    ...{
      settings,
      services: whole,
      oneOffs: [],
      strays: [],
      former: [],
      networkIds,
      volumeThere: true,
      deployed,
      hasHistory: true,
    },
    ...{
      missingImages: new Map(),
      built: true,
      takenPorts: [],
      interrupted: undefined,
      differing: [],
      refusals: [],
    },
    ...change,
  };
}

const production: Wish = { mode: 'production', switching: false, empty: false };
const missing = new Map<Service, string>([[BACKEND, 'kidney-genetics-backend:tag']]);
const otherNet = SERVICES.map((service) =>
  container(service, { networks: { edge: 'x', 'kidney-genetics-internal': 'id-kidney-genetics-internal' } }),
);

describe('what prod-up refuses', () => {
  const table: [what: string, Partial<Wish>, Partial<Sight>, said: RegExp, exitCode: number][] = [
    [
      'what the preflight found, before anything else',
      {},
      { refusals: [new DescribedError('no env file', 'make', 3)], volumeThere: false },
      /no env file/,
      3,
    ],
    ['a shared network that is missing', {}, { networkIds: new Map() }, /network npm-proxy.* is missing/, 3],
    ['a stack on another network', {}, { services: otherNet }, /reached over the network edge/, 2],
    ['production that is up, in test mode', { mode: 'test' }, {}, /is up in production mode/, 1],
    [
      'a port of test mode that is taken',
      { mode: 'test' },
      { services: [], takenPorts: [8080] },
      /has the port 8080/,
      1,
    ],
    [
      'an empty database in the place of one that is gone',
      {},
      { volumeThere: false },
      /history knows of data, but the volume kidney-genetics-postgres-data is gone/,
      1,
    ],
    [
      'images that are gone, of a stack that is there in part',
      {},
      { services: without(BACKEND), missingImages: missing },
      /image kidney-genetics-backend:tag is not on this host/,
      1,
    ],
    [
      'images that are gone, and a container of another one',
      {},
      { services: [...without(BACKEND), container(BACKEND, { image: 'x:y' })], missingImages: missing },
      /is not on this host/,
      1,
    ],
  ];
  for (const [what, wish, change, said, exitCode] of table) {
    it(what, () => {
      const plan = () => planUp({ ...production, ...wish }, sight(change), 'a.example');
      assert.throws(
        plan,
        (error: DescribedError) =>
          said.test(error.message) && error.exitCode === exitCode && error.hint !== '',
      );
    });
  }
});

describe('what prod-up does', () => {
  const up = { do: 'up' };
  const latest = { do: 'tag', from: 'latest' };
  const half = {
    ...container(FRONTEND),
    id: 'new',
    name: '0123456789ab_kidney-genetics-frontend',
    state: 'created',
  };
  const elsewhere = { ...container(FRONTEND), id: 'new', name: 'renamed' };
  const off = container(FRONTEND, { networks: {} });
  const interrupted = { command: 'make prod-update', to: deployed };
  const { id, name } = container(FRONTEND);
  const table: [what: string, Partial<Wish>, Partial<Sight>, steps: object[]][] = [
    ['nothing but Compose’s own look at a stack that is well', {}, {}, [up]],
    [
      'builds and deploys on a new host',
      {},
      { services: [], deployed: undefined, hasHistory: false, built: false, volumeThere: false },
      [{ do: 'build' }, latest, up],
    ],
    [
      'deploys what was built',
      {},
      { services: [], deployed: undefined, hasHistory: false, volumeThere: false },
      [latest, up],
    ],
    [
      'takes what runs for deployed when the history is gone',
      {},
      { deployed: undefined, hasHistory: false },
      [{ do: 'tag', from: 'running' }, up],
    ],
    [
      'deploys what was built when nothing runs and the images are gone',
      {},
      { services: [], missingImages: missing },
      [latest, up],
    ],
    [
      'gives the image that runs its name back',
      {},
      { missingImages: missing },
      [{ do: 'name image', id: `sha256:${BACKEND}`, name: 'kidney-genetics-backend:tag' }, up],
    ],
    [
      'stops the other mode when it may',
      { mode: 'test', switching: true },
      {},
      [{ do: 'leave', mode: 'production' }, up],
    ],
    ['begins with an empty database when it is told to', { empty: true }, { volumeThere: false }, [up]],
    [
      'removes what a broken-off compose left beside a container',
      {},
      { strays: [half] },
      [{ do: 'remove', id: 'new', name: half.name, why: 'is what a broken-off docker compose left' }, up],
    ],
    [
      'gives what it left in the place of one its name',
      {},
      { services: without(FRONTEND), strays: [half] },
      [{ do: 'rename', id: 'new', name: half.name, to: name }, up],
    ],
    [
      'gives a renamed container its name back, and not two',
      {},
      { services: without(FRONTEND), strays: [half, elsewhere] },
      [
        { do: 'remove', id: 'new', name: half.name, why: 'is what a broken-off docker compose left' },
        { do: 'rename', id: 'new', name: 'renamed', to: name },
        up,
      ],
    ],
    [
      'lets a paused one go on',
      {},
      { services: [...without(FRONTEND), container(FRONTEND, { state: 'paused' })] },
      [{ do: 'unpause', id, name }, up],
    ],
    [
      'connects one that was taken off its network',
      {},
      { services: [...without(FRONTEND), off] },
      [{ do: 'join', id, name, network: 'npm-proxy', aliases: [FRONTEND, name] }, up],
    ],
    [
      'makes a database anew that was taken off its network: Compose alone gives it the name that the API asks for',
      {},
      { services: [container(POSTGRES, { networks: {} }), ...without(POSTGRES)] },
      [
        {
          ...{ do: 'remove', id: 'id-kidney-genetics-postgres', name: 'kidney-genetics-postgres' },
          why: 'is not on the network kidney-genetics-internal that is there now',
        },
        up,
      ],
    ],
    [
      'makes one anew whose network is another one by now',
      {},
      { services: [...without(FRONTEND), container(FRONTEND, { networks: { 'npm-proxy': 'old' } })] },
      [{ do: 'remove', id, name, why: 'is not on the network npm-proxy that is there now' }, up],
    ],
    [
      'makes one anew that an older kit made',
      {},
      {
        services: [
          ...without(FRONTEND),
          container(FRONTEND, { labels: { 'com.docker.compose.service': 'old' } }),
        ],
      },
      [{ do: 'remove', id, name, why: 'was made by an older version of this kit' }, up],
    ],
    [
      'finishes what was interrupted, and tidies up',
      {},
      { interrupted, oneOffs: [container(BACKEND)] },
      [{ do: 'finish', ...interrupted }, up, { do: 'tidy' }],
    ],
    [
      'waits for what an update has just replaced',
      {},
      { former: [container(BACKEND, { name: 'kidney-genetics-backend-former-abcdef' })] },
      [{ do: 'await', names: ['kidney-genetics-backend-former-abcdef'] }, up],
    ],
  ];
  for (const [what, wish, change, steps] of table) {
    it(what, () => {
      const seen = sight(change);
      const plan = planUp({ ...production, ...wish }, seen, 'a.example');
      assert.deepEqual(plan.steps, steps);
      assert.ok(describePlan(plan, seen).every((line) => line !== ''));
    });
  }
});

describe('what prod-up says', () => {
  it('warns of hosts that nobody can ask for, and of ports that are open', () => {
    assert.match(planUp(production, sight(), 'localhost').warnings.join(), /names no domain/);
    const open = sight({ settings: { ...settings, bind: '0.0.0.0' }, services: [] });
    assert.match(
      planUp({ ...production, mode: 'test' }, open, 'localhost').warnings.join(),
      /open to the network.*no address of this host/,
    );
    assert.deepEqual(planUp(production, sight(), 'a.example').warnings, []);
  });

  it('describes a plan: nothing to do, what starts, what is made anew', () => {
    const describe = (change: Partial<Sight>) =>
      describePlan(planUp(production, sight(change), 'a'), sight(change));
    assert.deepEqual(describe({}), ['nothing: all is as it should be']);
    assert.deepEqual(describe({ differing: [BACKEND] }), [
      'make kidney-genetics-backend anew: its settings differ',
    ]);
    assert.deepEqual(describe({ services: without(FRONTEND) }), [
      'start kidney-genetics-frontend of 1.0.0-abc-111111',
    ]);
    assert.deepEqual(
      describe({ services: [...without(FRONTEND), container(FRONTEND, { state: 'exited' })] }),
      ['start kidney-genetics-frontend, which is exited of 1.0.0-abc-111111'],
    );
  });

  it('names what was done by hand, one sentence each', () => {
    const half = { ...container(FRONTEND), id: 'new', name: '0123456789ab_kidney-genetics-frontend' };
    assert.deepEqual(findHandiwork(sight()), []);
    assert.deepEqual(findHandiwork(sight({ strays: [half], missingImages: missing, differing: [BACKEND] })), [
      '0123456789ab_kidney-genetics-frontend is what a broken-off docker compose left',
      'The image kidney-genetics-backend:tag runs and has lost its name',
      'kidney-genetics-backend runs with other settings than the env file and the compose files say',
    ]);
    assert.deepEqual(
      findHandiwork(sight({ services: without(FRONTEND), strays: [{ ...half, name: 'odd' }] })),
      ['odd is kidney-genetics-frontend under another name'],
    );
    assert.deepEqual(findHandiwork(sight({ differing: [BACKEND], oneOffs: [container(BACKEND)] })), []);
    const before = { ...container(FRONTEND), name: 'kidney-genetics-frontend-former-abcdef' };
    assert.deepEqual(findHandiwork(sight({ services: without(FRONTEND, BACKEND), former: [before] })), [
      'kidney-genetics-backend is not there',
      'kidney-genetics-frontend is not there, and kidney-genetics-frontend-former-abcdef, which it replaced, still is',
    ]);
    const former = container(BACKEND, {
      labels: { 'com.docker.compose.service': 'kidney-genetics-backend' },
    });
    assert.deepEqual(
      findHandiwork(sight({ services: [...without(BACKEND), former], differing: [...SERVICES] })),
      ['kidney-genetics-backend was made by an older version of this kit, and goes on as it is'],
    );
  });
});
