import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { PROXY_VARIABLES } from '../lib/docker/sandbox-argv.ts';
import { ROOT } from '../lib/process/root.ts';
import { networksOf } from '../lib/stack/network-rules.ts';
import { readSettings, SERVICES } from '../lib/stack/stack.ts';

interface Service {
  image: string;
  container_name: string;
  restart: string;
  read_only: boolean;
  cap_drop: string[];
  cap_add?: string[];
  privileged?: boolean;
  security_opt: string[];
  tmpfs: string[];
  ports?: string[];
  volumes?: string[];
  networks: string[] | Record<string, { aliases?: string[] } | null>;
  environment?: Record<string, string>;
  healthcheck: { test: string[]; start_interval: string };
  logging: { options: Record<string, string> };
  deploy: { resources: { limits: Record<string, unknown>; reservations: Record<string, unknown> } };
}

interface ComposeFile {
  services: Record<string, Service>;
  networks: Record<string, { name?: string; external?: boolean; internal?: boolean; enable_ipv6?: boolean }>;
  volumes: Record<string, { name?: string; external?: boolean }>;
  secrets: Record<string, { file: string }>;
}

const read = (name: string) =>
  parse(readFileSync(join(ROOT, 'deploy', name), 'utf8'), { merge: true, logLevel: 'error' }) as ComposeFile;
const production = read('docker-compose.prod.yml');
/** The keys of the networks of a service, however they are written. */
const keysOf = (networks: Service['networks'] = []) =>
  Array.isArray(networks) ? networks : Object.keys(networks);

describe('the production compose file', () => {
  it('has the services of the specification under keys that no other app has', () => {
    assert.deepEqual(Object.keys(production.services).sort(), [...SERVICES].sort());
  });

  it('puts each service on the networks that the commands expect it on', () => {
    const settings = readSettings({}, ROOT);
    const own = ['kidney-genetics-internal', 'kidney-genetics-api'].map((name) => [name, name]);
    const names = { 'npm-proxy': 'npm-proxy', ...Object.fromEntries(own) };
    const inTest = { ...names, 'npm-proxy': 'kidney-genetics-test' };
    const test = read('docker-compose.prod.test.yml');
    for (const service of SERVICES) {
      const own = keysOf(production.services[service]?.networks);
      const named = (keys: readonly string[], map: Record<string, string>) =>
        keys.map((key) => map[key]).sort();
      assert.deepEqual(networksOf('production', settings, service).sort(), named(own, names));
      const more = keysOf(test.services[service]?.networks);
      assert.deepEqual(networksOf('test', settings, service).sort(), named([...own, ...more], inTest));
    }
  });

  it('keeps the proxies of the Docker client from every container, in development too', () => {
    for (const file of ['docker-compose.prod.yml', 'docker-compose.yml'])
      for (const [name, { environment = {} }] of Object.entries(read(file).services))
        for (const variable of PROXY_VARIABLES)
          assert.equal(environment[variable], '', `${name} ${variable}`);
  });

  for (const [name, service] of Object.entries(production.services)) {
    it(`hardens ${name}`, () => {
      assert.equal(service.read_only, true);
      assert.deepEqual(service.cap_drop, ['ALL']);
      assert.equal(service.cap_add, undefined);
      assert.equal(service.privileged, undefined);
      assert.deepEqual(service.security_opt, ['no-new-privileges=true']);
      assert.equal(service.ports, undefined, 'production publishes no port');
      assert.equal(service.restart, 'unless-stopped');
      assert.ok(service.tmpfs.every((mount) => /size=\d+m,noexec,nosuid,nodev$/.test(mount)));
      assert.ok(service.healthcheck.test.length > 1);
      assert.deepEqual(service.logging.options, {
        'max-size': '50m',
        'max-file': '5',
        labels: 'service,environment',
      });
      assert.deepEqual(service.deploy.resources, {
        limits: { cpus: '1.0', memory: '1G', pids: 200 },
        reservations: { cpus: '0.5', memory: '512M' },
      });
    });
  }

  it('names what it makes, and finds its secrets, by the prefix alone, also for who types docker compose', () => {
    const own = [production.networks['kidney-genetics-api'], production.networks['kidney-genetics-internal']];
    const volumes = Object.values(production.volumes);
    const prefix = '$' + '{STACK_PREFIX:-kidney-genetics}';
    for (const { name } of [...own, ...volumes].filter((one) => one !== undefined))
      assert.ok(name?.startsWith(`${prefix}-`), name);
    for (const { file } of Object.values(production.secrets))
      assert.ok(file.startsWith(['$', '{SECRETS_DIR:-./secrets/', prefix, '}/'].join('')), file);
    assert.deepEqual(
      volumes.map(({ external }) => external),
      [true],
    );
  });

  it('keeps the database on the internal network alone', () => {
    const { 'kidney-genetics-postgres': database, 'kidney-genetics-backend-service': backend } =
      production.services;
    // By a name that is no service's, and which nobody else can know.
    const name = '$' + '{BACKEND_NAME:-kidney-genetics-api}-database';
    assert.deepEqual(database?.networks, { 'kidney-genetics-internal': { aliases: [name] } });
    assert.equal(backend?.environment?.DATABASE_HOST, name);
    assert.equal(production.networks['kidney-genetics-internal']?.internal, true);
    assert.equal(production.networks['npm-proxy']?.external, true);
  });

  it('leads from nginx to the API over a network of their own, by a name that is no service’s', () => {
    const { 'kidney-genetics-backend-service': backend, 'kidney-genetics-frontend-service': frontend } =
      production.services;
    assert.ok(!Array.isArray(backend?.networks));
    const name = '$' + '{BACKEND_NAME:-kidney-genetics-api}';
    // The second one is what releases before this one ask for, to which a rollback may go.
    const aliases = [name, 'kidney-genetics-backend'];
    assert.deepEqual(backend?.networks['kidney-genetics-api'], { aliases });
    assert.equal(frontend?.environment?.BACKEND_NAME, name);
    for (const key of ['kidney-genetics-api', 'kidney-genetics-internal']) {
      assert.equal(production.networks[key]?.internal, true);
      assert.equal(production.networks[key]?.enable_ipv6, false);
    }
  });

  it('takes the API off the shared network where that is asked for', () => {
    // YAML's tag !override is Compose's own.
    const off = readFileSync(join(ROOT, 'deploy/docker-compose.off-proxy.yml'), 'utf8');
    const { networks } =
      (parse(off, { logLevel: 'error' }) as ComposeFile).services['kidney-genetics-backend-service'] ?? {};
    const settings = readSettings({ BACKEND_ON_PROXY: '0' }, ROOT);
    assert.deepEqual(keysOf(networks), networksOf('production', settings, 'kidney-genetics-backend-service'));
  });
});

describe('the test compose file', () => {
  it('adds ports on 127.0.0.1 and nothing else', () => {
    const overlay = read('docker-compose.prod.test.yml');
    for (const service of Object.values(overlay.services)) {
      assert.ok(Object.keys(service).every((key) => key === 'ports' || key === 'networks'));
      assert.ok(service.ports?.every((port) => port.startsWith('$' + '{TEST_BIND:-127.0.0.1}:')));
    }
  });
});

describe("Nginx Proxy Manager's compose file", () => {
  const service = read('npm/docker-compose.yml').services['kidney-genetics-npm'];

  it('pins a version, and shows its page to this host alone', () => {
    assert.match(service?.image ?? '', /:-jc21\/nginx-proxy-manager:2\.15\.\d+\}$/);
    const admin = service?.ports?.filter((port) => port.endsWith(':81'));
    assert.deepEqual(admin, ['127.0.0.1:$' + '{NPM_ADMIN_PORT:-81}:81']);
  });

  it('drops every capability that its init does not need', () => {
    assert.deepEqual(service?.cap_drop, ['ALL']);
    assert.ok(service?.cap_add?.every((name) => !/SYS_|NET_RAW|NET_ADMIN|MKNOD|SETFCAP|SETPCAP/.test(name)));
    assert.deepEqual(service?.security_opt, ['no-new-privileges=true']);
  });
});
