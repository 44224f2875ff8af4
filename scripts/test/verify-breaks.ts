import { readFileSync } from 'node:fs';
import {
  type ContainerFacts,
  DRIFT_PARTS,
  type Facts,
  type InsideFacts,
  type ProcessFacts,
  type RoleFacts,
} from '../lib/verify/facts.ts';

const RECORDED = new URL('fixtures/verify-facts.json', import.meta.url);

/** What a healthy stack showed: recorded from a real one by `npx tsx scripts/verify.ts --facts`. */
export function healthyFacts(): Facts {
  const facts = { signatures: null, ...JSON.parse(readFileSync(RECORDED, 'utf8')) } as Facts;
  // The host that it was recorded on has no AppArmor; with it the engine and the kernel show this.
  facts.host.security.push('apparmor');
  for (const { inside } of facts.containers) if (inside) inside.label = 'docker-default (enforce)';
  return facts;
}

/** The part of the facts that a break changes; its absence would be a fault of the recording. */
function of(facts: Facts, service: string): ContainerFacts {
  const found = facts.containers.find((container) => container.service === service);
  if (!found) throw new Error(`no ${service} in the recording`);
  return found;
}

function inside(facts: Facts, service: string): InsideFacts {
  const found = of(facts, service).inside;
  if (!found) throw new Error(`nothing inside of ${service} in the recording`);
  return found;
}

function first<T>(list: readonly T[]): T {
  const [item] = list;
  if (item === undefined) throw new Error('an empty list in the recording');
  return item;
}

const process = (facts: Facts, service = 'backend'): ProcessFacts => first(inside(facts, service).processes);

function http(facts: Facts) {
  if (!facts.http) throw new Error('no HTTP in the recording');
  return facts.http;
}

function database(facts: Facts) {
  if (!facts.database) throw new Error('no database in the recording');
  return facts.database;
}

function role(facts: Facts, name: string): RoleFacts {
  return first(database(facts).roles.filter((one) => one.name === name));
}

const dropHeader = (facts: Facts, name: string) => {
  const answer = http(facts).answers.apiError;
  answer.headers = answer.headers.filter(([key]) => key.toLowerCase() !== name.toLowerCase());
};

const answerRaw = (facts: Facts, name: string, status: number) => {
  http(facts).raw[name] = { statuses: [status], closed: true, ms: 5, body: '' };
};

const mount = (
  facts: Facts,
  service: string,
  source: string,
  more: Partial<ContainerFacts['mounts'][number]> = {},
) =>
  of(facts, service).mounts.push({
    ...{ type: 'bind', source, target: '/mnt', writable: false, propagation: 'rprivate' },
    ...more,
  });

const daysBefore = (facts: Facts, days: number) =>
  new Date(Date.parse(facts.now) - days * 86_400_000).toISOString();

function scan(facts: Facts) {
  if (!facts.scan) throw new Error('no scan in the recording');
  return facts.scan;
}

/** For every check the smallest change of the facts that breaks it, and it alone. */
export const BREAKS: Readonly<Record<string, (facts: Facts) => void>> = {
  ...Object.fromEntries(
    DRIFT_PARTS.map((part) => [
      `drift-${part}`,
      (facts: Facts) => facts.drift[part]?.differences.push('a: is too much'),
    ]),
  ),
  user: (facts) => {
    process(facts).uids = [0, 0, 0, 0];
  },
  'capabilities-effective': (facts) => {
    process(facts).capabilities.effective = '0000000000000400';
  },
  'capabilities-permitted': (facts) => {
    process(facts, 'frontend').capabilities.permitted = '0000000000000400';
  },
  'capabilities-inheritable': (facts) => {
    process(facts, 'postgres').capabilities.inheritable = '00000000a80425fb';
  },
  'capabilities-bounding': (facts) => {
    process(facts).capabilities.bounding = '000001ffffffffff';
  },
  'capabilities-ambient': (facts) => {
    process(facts).capabilities.ambient = '0000000000000001';
  },
  'no-new-privileges': (facts) => {
    process(facts).noNewPrivileges = false;
  },
  seccomp: (facts) => {
    process(facts).seccomp = 0;
  },
  'mandatory-access-control': (facts) => {
    inside(facts, 'frontend').label = 'unconfined';
  },
  privileged: (facts) => {
    of(facts, 'backend').privileged = true;
  },
  'read-only-root': (facts) => {
    inside(facts, 'frontend').rootWrite = 'sh: 1: cannot create /.verify: Permission denied';
  },
  'tmpfs-flags': (facts) => {
    inside(facts, 'frontend').tmpfs.push({ path: '/work', options: ['rw', 'nosuid', 'nodev', 'size=1024k'] });
  },
  'tmpfs-size': (facts) => {
    inside(facts, 'frontend').tmpfs.push({ path: '/work', options: ['rw', 'nosuid', 'nodev', 'noexec'] });
  },
  'engine-socket': (facts) => mount(facts, 'backend', '/var/run/docker.sock'),
  'host-folders': (facts) => mount(facts, 'backend', '/etc'),
  'writable-mounts': (facts) => mount(facts, 'backend', '/srv/data', { writable: true }),
  'mount-propagation': (facts) => mount(facts, 'backend', '/srv/data', { propagation: 'rshared' }),
  shell: (facts) => {
    inside(facts, 'backend').tools = ['/bin/sh'];
  },
  'host-namespace-pid': (facts) => {
    of(facts, 'backend').pidMode = 'host';
  },
  'host-namespace-net': (facts) => {
    inside(facts, 'backend').namespaces.net = facts.host.namespaces.net ?? '';
  },
  'host-namespace-ipc': (facts) => {
    of(facts, 'postgres').ipcMode = 'host';
  },
  'host-namespace-uts': (facts) => {
    of(facts, 'frontend').utsMode = 'host';
  },
  'host-namespace-user': (facts) => {
    of(facts, 'frontend').usernsMode = 'host';
  },
  'host-namespace-cgroup': (facts) => {
    of(facts, 'backend').cgroupMode = 'host';
  },
  devices: (facts) => {
    of(facts, 'backend').devices = ['/dev/kvm'];
  },
  'limit-memory': (facts) => {
    inside(facts, 'backend').memory = null;
  },
  'limit-cpu': (facts) => {
    inside(facts, 'backend').cpus = null;
  },
  'limit-processes': (facts) => {
    inside(facts, 'backend').pids = null;
  },
  'limit-open-files': (facts) => {
    inside(facts, 'frontend').openFiles = 1024;
  },
  'limit-core-dump': (facts) => {
    inside(facts, 'backend').coreBytes = null;
  },
  'restart-policy': (facts) => {
    of(facts, 'backend').restart = 'no';
  },
  'health-check': (facts) => {
    Object.assign(of(facts, 'backend'), { hasHealthCheck: false, health: 'none' });
  },
  health: (facts) => {
    of(facts, 'backend').health = 'unhealthy';
  },
  init: (facts) => {
    process(facts).name = 'node';
  },
  zombies: (facts) => {
    process(facts, 'postgres').state = 'Z';
  },
  'log-driver': (facts) => {
    of(facts, 'backend').logDriver = 'none';
  },
  'log-rotation': (facts) => {
    of(facts, 'backend').logOptions = {};
  },
  'published-ports': (facts) => {
    of(facts, 'backend').ports = ['127.0.0.1:8001->8000/tcp'];
  },
  'published-addresses': (facts) => {
    facts.stack.mode = 'test';
    of(facts, 'backend').ports = ['0.0.0.0:8001->8000/tcp'];
  },
  'listening-ports': (facts) => {
    inside(facts, 'frontend').listeners.push('0.0.0.0:8080');
  },
  'database-network': (facts) => {
    of(facts, 'postgres').networks.push({
      name: 'kidney-genetics-extra',
      address: '',
      address6: '',
      fixed: false,
      names: [],
    });
  },
  'internal-network': (facts) => {
    first(facts.networks.filter(({ name }) => name === 'kidney-genetics-internal')).internal = false;
  },
  'internal-members': (facts) => {
    first(facts.networks.filter(({ name }) => name === 'kidney-genetics-internal')).members.push({
      ...{ container: 'other-app', project: 'other', names: ['other-app'] },
    });
  },
  'database-from-backend': (facts) => {
    facts.reach.databaseFromBackend = 'ECONNREFUSED';
  },
  'database-from-frontend': (facts) => {
    facts.reach.databaseFromFrontend = { '172.18.0.2:5432': 'open' };
  },
  'database-from-proxy-network': (facts) => {
    facts.reach.databaseFromProxyNetwork = { 'kidney-genetics-postgres:5432': 'open' };
  },
  'database-from-host': (facts) => {
    facts.reach.databaseFromHost = { '172.18.0.2:5432': 'open' };
  },
  'database-egress': (facts) => {
    facts.reach.outsideFromDatabase = 'no answer';
  },
  'database-to-host': (facts) => {
    facts.reach.hostFromDatabase = { '172.18.0.1:22': 'ECONNREFUSED' };
  },
  'metrics-hidden': (facts) => {
    facts.reach.metricsFromProxyNetwork = { '172.19.0.3:9464': 'open' };
  },
  'alias-conflicts': (facts) => {
    first(facts.networks.filter(({ name }) => name === 'npm-proxy')).members.push({
      ...{ container: 'other-app', project: 'other', names: ['kidney-genetics-backend'] },
    });
  },
  'alias-names': (facts) => {
    first(of(facts, 'frontend').networks).names.push('frontend');
  },
  'fixed-addresses': (facts) => {
    first(of(facts, 'frontend').networks).fixed = true;
  },
  'default-bridge': (facts) => {
    of(facts, 'frontend').networks.push({
      name: 'bridge',
      address: '',
      address6: '',
      fixed: false,
      names: [],
    });
  },
  'names-containers': (facts) => {
    of(facts, 'frontend').name = 'web';
  },
  'names-networks': (facts) => {
    of(facts, 'frontend').networks.push({
      name: 'shop-internal',
      address: '',
      address6: '',
      fixed: false,
      names: [],
    });
  },
  'names-volumes': (facts) => {
    facts.volumes.push('postgres-data');
  },
  'secret-inspect': (facts) => {
    facts.secrets.seen.inspect.push('SECRET_KEY in kidney-genetics-backend');
  },
  'secret-history': (facts) => {
    facts.secrets.seen.history.push('SECRET_KEY in kidney-genetics-backend:latest');
  },
  'secret-layers': (facts) => {
    facts.secrets.seen.layers.push('SECRET_KEY in kidney-genetics-backend:latest');
  },
  'secret-logs': (facts) => {
    facts.secrets.seen.logs.push('POSTGRES_PASSWORD in kidney-genetics-postgres');
  },
  'secret-command-lines': (facts) => {
    facts.secrets.seen['command lines'].push('SECRET_KEY in kidney-genetics-backend');
  },
  'secret-environments': (facts) => {
    facts.secrets.seen.environments.push('POSTGRES_PASSWORD in kidney-genetics-postgres');
  },
  'env-file-mode': (facts) => {
    facts.secrets.envFile.mode = 0o644;
  },
  'secret-files-mode': (facts) => {
    if (facts.secrets.folder) facts.secrets.folder.mode = 0o755;
  },
  'env-file-git': (facts) => {
    facts.secrets.envFile.git = 'tracked';
  },
  'env-file-content': (facts) => {
    facts.secrets.envFile.problems.push({ key: 'LOG_LEVEL', problem: 'is missing' });
  },
  'secret-strength': (facts) => {
    facts.secrets.envFile.weak.push({ key: 'SECRET_KEY', problem: 'repeats itself' });
  },
  'secret-age': (facts) => {
    facts.secrets.envFile.madeAt = daysBefore(facts, 91);
  },
  'header-csp': (facts) => dropHeader(facts, 'Content-Security-Policy'),
  'header-frame': (facts) => dropHeader(facts, 'X-Frame-Options'),
  'header-nosniff': (facts) => dropHeader(facts, 'X-Content-Type-Options'),
  'header-xss': (facts) => dropHeader(facts, 'X-XSS-Protection'),
  'header-referrer': (facts) => dropHeader(facts, 'Referrer-Policy'),
  'header-permissions': (facts) => dropHeader(facts, 'Permissions-Policy'),
  'header-opener': (facts) => dropHeader(facts, 'Cross-Origin-Opener-Policy'),
  'header-resource': (facts) => {
    http(facts).answers.asset.headers.push(['cross-origin-resource-policy', 'same-origin']);
  },
  'csp-inline': (facts) => {
    const { headers } = http(facts).answers.page;
    const policy = first(headers.filter(([name]) => name === 'Content-Security-Policy'));
    policy[1] = policy[1].replace("script-src 'self'", "script-src 'self' 'unsafe-inline'");
  },
  hsts: (facts) => {
    const answer = http(facts).overTls;
    answer.headers = answer.headers.filter(([name]) => name !== 'Strict-Transport-Security');
  },
  'hsts-plain': (facts) => {
    http(facts).answers.page.headers.push(['Strict-Transport-Security', 'max-age=63072000']);
  },
  'version-banner': (facts) => {
    http(facts).answers.health.headers.push(['X-Powered-By', 'Express']);
  },
  'error-detail': (facts) => {
    http(facts).answers.apiError.body = '{"stack":"Error at list (/app/server.js:10:5)"}';
  },
  'smuggling-length': (facts) => {
    http(facts).raw['length and chunked'] = { statuses: [400, 200], closed: true, ms: 5, body: '' };
  },
  'smuggling-encoding': (facts) => answerRaw(facts, 'encoding with a space', 200),
  'smuggling-upgrade': (facts) => answerRaw(facts, 'h2c', 101),
  'traversal-plain': (facts) => answerRaw(facts, '/api../', 200),
  'traversal-encoded': (facts) => {
    http(facts).raw['/%00'] = {
      statuses: [404],
      closed: true,
      ms: 5,
      body: 'root:x:0:0:root:/root:/bin/bash',
    };
  },
  'hidden-files': (facts) => answerRaw(facts, '/.env', 200),
  'header-size': (facts) => answerRaw(facts, 'many headers', 200),
  'body-size': (facts) => {
    http(facts).raw['large body'] = { statuses: [], closed: false, ms: 3000, body: '' };
  },
  'host-foreign': (facts) => answerRaw(facts, 'foreign host', 200),
  'host-malformed': (facts) => answerRaw(facts, 'two hosts', 200),
  methods: (facts) => answerRaw(facts, 'TRACE', 200),
  'slow-header': (facts) => {
    http(facts).raw['slow header'] = { statuses: [], closed: false, ms: 16_000, body: '' };
  },
  'slow-body': (facts) => {
    http(facts).raw['slow body'] = { statuses: [408], closed: true, ms: 15_500, body: '' };
  },
  cors: (facts) => {
    http(facts).preflight.headers.push(['access-control-allow-origin', '*']);
  },
  'websocket-origin': (facts) => {
    http(facts).webSocket.foreign = 101;
  },
  'websocket-heartbeat': (facts) => {
    http(facts).webSocket.heartbeatMs = null;
  },
  'image-current': (facts) => {
    first(facts.images).namedId = 'sha256:0';
  },
  'image-revision': (facts) => {
    first(facts.images.filter(({ service }) => service !== 'postgres')).revision = 'another';
  },
  'image-signature': (facts) => {
    facts.signatures = [{ image: 'backend', state: 'not signed', found: 'it was built or loaded here' }];
  },
  'image-user': (facts) => {
    first(facts.images).user = '0:0';
  },
  'image-base': (facts) => {
    first(facts.images).baseName = 'node:latest';
  },
  'image-base-age': (facts) => {
    first(facts.images).baseCreated = daysBefore(facts, 91);
  },
  'image-bill-of-materials': (facts) => {
    scan(facts).components = {};
  },
  'image-updates': (facts) => {
    scan(facts).high = ['openssl 3.5.1 (security update)'];
  },
  'database-role': (facts) => {
    role(facts, 'kidney_user').powers = ['superuser'];
  },
  'database-memberships': (facts) => {
    role(facts, 'kidney_user').memberOf = ['pg_execute_server_program'];
  },
  'database-superusers': (facts) => {
    role(facts, 'postgres').password = 'scram';
  },
  'database-passwords': (facts) => {
    role(facts, 'kidney_user').password = 'md5';
  },
  'database-trust': (facts) => {
    database(facts).rules.push({
      line: 9,
      type: 'host',
      users: 'all',
      address: 'all',
      method: 'trust',
      error: '',
    });
  },
  'database-superuser-remote': (facts) => {
    database(facts).rules = database(facts).rules.filter(({ method }) => method !== 'reject');
  },
  'database-checksums': (facts) => {
    database(facts).checksums = 'off';
  },
  'database-durability': (facts) => {
    database(facts).durability.fsync = 'off';
  },
  'database-log-values': (facts) => {
    database(facts).logging.log_parameter_max_length = '-1';
  },
  'database-public': (facts) => {
    database(facts).publicRights = ['connect to the database'];
  },
  'database-connections': (facts) => {
    database(facts).poolMax = 20;
  },
  'database-version': (facts) => {
    database(facts).version = 130_022;
  },
};
