import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { InspectedContainer } from '../../lib/docker/inspect.ts';
import { sandboxArgv } from '../../lib/docker/sandbox-argv.ts';
import { resolveBases } from '../../lib/images/base-images.ts';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { secretsDir } from '../../lib/secrets/secrets.ts';
import { readEnvText } from '../../lib/stack/env-text-rules.ts';
import { composeArgv, composeNames, volumeName } from '../../lib/stack/stack.ts';
import type { Result } from '../../lib/verify/check.ts';
import { CHECKS } from '../../lib/verify/checks.ts';
import { readCatalog } from '../../lib/verify/drift/catalog.ts';
import { compareCatalogs, parseCatalog } from '../../lib/verify/drift/catalog-rules.ts';
import { parseSections, type Sections } from '../../lib/verify/gather/inside.ts';
import { NODE, packProbe, readProbe } from '../../lib/verify/gather/probes.ts';
import { TEST_PREFIX, TestStack, until } from './harness.ts';

const ODD = `${TEST_PREFIX}-odd`;
const HINT = 'see above';
/** What a stack without a scan, on a host with or without AppArmor, may be told to look at. */
const TO_LOOK_AT = ['mandatory-access-control', 'seccomp', 'image-bill-of-materials', 'image-updates'];

/** What is not seen to fail in this file, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'image-bill-of-materials': 'scan.e2e.ts',
  'image-updates': 'scan.e2e.ts',
  'image-base-age':
    'base-images.test.ts and verify.test.ts: a base is as old as its newest layer, which is made here',
  'image-signature': 'verify.test.ts: nothing here came from a registry',
  'secret-age': 'only ever warns, which is seen here',
};

/** Sets the clock of a Node process some years ahead. */
const FIVE_YEARS_AHEAD = `
  const Real = Date;
  const now = () => Real.now() + 5 * 365 * 86400000;
  globalThis.Date = class extends Real { constructor(...args) { super(...(args.length > 0 ? args : [now()])); } };
  Date.now = now;`;

/** A web server that refuses nothing, closes nothing and says everything; breaks every rule on HTTP. */
const NAIVE_SERVER = `
  use IO::Socket::INET;
  use IO::Select;
  $SIG{PIPE} = 'IGNORE';
  my @ports = map { IO::Socket::INET->new(LocalPort => $_, Listen => 128, ReuseAddr => 1) or die "$_: $!" } 80, 8081;
  my $all = IO::Select->new(@ports);
  my $body = 'root:x:0:0 nginx/1.0 at list (/app/x.js:1:1)';
  my @head = ('HTTP/1.1 200 OK', 'Server: naive/1.0', 'Content-Length: ' . length $body, 'Access-Control-Allow-Origin: *',
    "Content-Security-Policy: default-src *; script-src 'unsafe-inline'");
  while (my @ready = $all->can_read) {
    for my $one (@ready) {
      if (grep { $_ == $one } @ports) { $all->add($one->accept); next; }
      my $text;
      if (!sysread $one, $text, 1 << 20) { $all->remove($one); close $one; next; }
      my $hsts = $text =~ /forwarded-proto/i ? '' : "Strict-Transport-Security: max-age=1\\r\\n";
      my $times = () = $text =~ /^[A-Z]+ \\S+ HTTP/gm;
      syswrite $one, (join("\\r\\n", @head) . "\\r\\n$hsts\\r\\n$body") x $times;
    }
  }`;

/** Changes of a database that no check but drift asks for. */
const DATABASE_DRIFT = [
  'create role evil login in role pg_execute_server_program',
  'alter table genes disable trigger user',
  'alter role kidney_user set synchronous_commit = off',
  "alter database kidney_genetics set log_statement = 'none'",
  `create function passwords() returns setof pg_authid language sql security definer as 'select * from pg_authid'`,
  `create function pg_catalog.hidden() returns int language sql as 'select 1'`,
  'alter function pg_catalog.pg_read_file(text) owner to kidney_user',
  'grant execute on function pg_catalog.pg_ls_dir(text) to public',
  "alter system set archive_command = 'true'",
  'alter system set jit_above_cost = 5',
  'create publication everything for all tables',
  "create function on_ddl() returns event_trigger language plpgsql as 'begin end'",
  'create event trigger watching on ddl_command_end execute function on_ddl()',
  'create view names as select symbol from genes',
  'create rule silent as on delete to genes do instead nothing',
  'create cast (bigint as boolean) with inout',
  'select lo_create(424242)',
  'alter default privileges grant all on tables to public',
  'create foreign data wrapper odd; create server elsewhere foreign data wrapper odd',
  "comment on table genes is 'odd'",
  'alter table genes enable row level security',
  'create index odd_index on genes (symbol)',
  "select pg_create_physical_replication_slot('odd_slot')",
  'alter table genes set (autovacuum_enabled = off)',
  'create schema odd_schema',
  'grant select on genes to public',
];

/** Takes back what outlives the containers. */
const DATABASE_REPAIR = [
  'revoke select on genes from public',
  'drop schema odd_schema; alter table genes reset (autovacuum_enabled); drop index odd_index',
  "select pg_drop_replication_slot('odd_slot')",
  'alter table genes disable row level security; comment on table genes is null',
  'drop foreign data wrapper odd cascade; select lo_unlink(424242); drop cast (bigint as boolean)',
  'alter default privileges revoke all on tables from public',
  'drop rule silent on genes; drop view names; drop event trigger watching; drop function on_ddl(), passwords()',
  'drop publication everything; drop function pg_catalog.hidden()',
  'alter function pg_catalog.pg_read_file(text) owner to postgres',
  'revoke execute on function pg_catalog.pg_ls_dir(text) from public',
  'alter system reset all',
  'alter role kidney_user reset all; alter database kidney_genetics reset all',
  'alter table genes enable trigger user; drop role evil',
];

/** How each change of the test below is told. */
const DRIFTED: Readonly<Record<string, RegExp>> = {
  memory: /-backend: HostConfig\.Memory: 3221225472, not 1073741824/,
  processes: /-backend: HostConfig\.PidsLimit: 9999, not 200/,
  CPUs: /-backend: HostConfig\.NanoCpus: 1900000000, not \d+/,
  restart: /-frontend: HostConfig\.RestartPolicy\.Name: no, not unless-stopped/,
  'the kernel’s memory': /-backend: memory: 3221225472, not 1073741824/,
  'a process of root': /-postgres: sleep \(pid \d+, uid 0\) was started in the container by somebody/,
  'a variable of a container made by hand': /-frontend: Config\.Env: .*NODE_OPTIONS/,
  'a file of the host in it': /-frontend: (HostConfig\.Binds|Mounts): .*\/mnt/,
  'the mount as the kernel has it': /-frontend: something is mounted at \/mnt/,
  'an image under a release’s tag that is another':
    /backend and frontend are not the images that \S+ was named for/,
  'a process of the service’s own user': /-backend: node \(pid \d+, uid 1000\) was started in the container/,
  'a foreign container on the internal network': new RegExp(`${ODD} is on .*-internal`),
  'its forged label': new RegExp(`${ODD} says that it belongs to`),
  'a relay': new RegExp(`${ODD}-relay is on the shared network and publishes 80/tcp`),
  'a reader of the volume': new RegExp(`${ODD}-reader mounts .*-postgres-data`),
  'a shared namespace': new RegExp(`${ODD}-twin shares a namespace with .*-postgres`),
  'a setting': /pg_settings archive_command|pg_file_settings archive_command/,
  ...Object.fromEntries(
    [
      ...[
        'pg_authid evil',
        'pg_auth_members',
        'pg_trigger',
        'pg_db_role_setting',
        'pg_proc public.passwords',
        'pg_proc pg_catalog.hidden',
      ],
      ...[
        'pg_read_file',
        'pg_ls_dir',
        'jit_above_cost',
        'pg_publication everything',
        'pg_event_trigger watching',
        'pg_class public.names',
      ],
      ...[
        'pg_rewrite',
        'pg_cast',
        'pg_largeobject_metadata large object 424242',
        'pg_default_acl',
        'pg_foreign_server elsewhere',
        'pg_description',
      ],
      ...['relrowsecurity', 'odd_index', 'odd_slot', 'autovacuum_enabled', 'pg_namespace odd_schema'],
    ].map((text) => [text, new RegExp(text)]),
  ),
};

/** What the stack of the last test breaks, beside every rule on HTTP. */
const BROKEN = [
  ...['user', 'capabilities-effective', 'capabilities-permitted', 'capabilities-inheritable'],
  ...['capabilities-bounding', 'capabilities-ambient', 'no-new-privileges', 'mandatory-access-control'],
  ...['read-only-root', 'tmpfs-flags', 'tmpfs-size', 'engine-socket', 'host-folders', 'writable-mounts'],
  ...['host-namespace-pid', 'host-namespace-net', 'host-namespace-ipc', 'host-namespace-uts'],
  ...['host-namespace-user', 'host-namespace-cgroup', 'mount-propagation', 'privileged', 'seccomp', 'shell'],
  ...['devices', 'limit-memory', 'limit-cpu', 'limit-processes', 'limit-open-files', 'limit-core-dump'],
  ...['restart-policy', 'health-check', 'init', 'zombies', 'log-driver', 'log-rotation'],
  ...['published-ports', 'published-addresses', 'listening-ports', 'database-network', 'internal-network'],
  ...['database-from-frontend', 'database-from-proxy-network', 'database-from-host', 'database-egress'],
  ...['database-to-host', 'internal-members', 'metrics-hidden', 'alias-names', 'fixed-addresses'],
  ...['default-bridge', 'names-containers', 'names-networks', 'names-volumes'],
  ...['secret-inspect', 'secret-history', 'secret-layers', 'secret-command-lines', 'secret-environments'],
  // A log that cannot be read may hold anything.
  'secret-logs',
  ...['image-current', 'image-revision', 'image-user', 'image-base'],
  ...['database-connections', 'database-trust', 'database-superuser-remote', 'database-checksums'],
  // What the loosened roles of the test before still break.
  ...['database-durability', 'database-log-values', 'database-memberships', 'database-passwords'],
  ...['database-public', 'database-superusers'],
];

describe('prod-verify', { timeout: 600_000 }, () => {
  let stack: TestStack;
  let secrets: Record<string, string>;
  const seen = new Set<string>();

  before(async () => {
    stack = await TestStack.create('verify');
    secrets = readEnvText(readFileSync(stack.settings.envFile, 'utf8')).values;
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
  });
  after(async () => {
    await run(['docker', 'rm', '-f', '-v', ODD]);
    await stack?.destroy();
    await run(['umount', join(stack?.tmp ?? '', 'mounts')]);
    await stack?.dispose();
    await run(['docker', 'network', 'rm', ODD]);
    await run(['docker', 'volume', 'rm', ODD]);
    const images = ['backend', 'frontend', 'base:1', 'base:latest'].map((name) => `${ODD}-${name}`);
    await run(['docker', 'rmi', '-f', ...images]);
  });

  async function verify(args: readonly string[], env: Record<string, string> = {}) {
    const { exitCode, stdout, stderr } = await stack.script('verify', ['--json', ...args], env);
    assert.ok(stdout.startsWith('{'), stderr);
    const { results } = JSON.parse(stdout) as { results: Result[] };
    const failed = results.filter(({ status }) => status === 'fail').map(({ id }) => id);
    assert.equal(exitCode, failed.length > 0 ? 1 : 0, 'the exit code tells whether a rule is broken');
    for (const id of failed) seen.add(id);
    const found = (id: string) => results.find((result) => result.id === id)?.found ?? '';
    return { results, failed: failed.sort(), found, text: stdout };
  }

  /** Makes the stack anew with a compose file of breaks on top. */
  async function upBroken(override: string): Promise<void> {
    const file = join(stack.tmp, 'broken.yml');
    writeFileSync(file, override);
    const args = [
      '-f',
      file,
      '--env-file',
      stack.settings.envFile,
      'up',
      '-d',
      '--no-build',
      '--pull',
      'never',
    ];
    await mustRun(composeArgv('production', stack.settings, args), HINT, {
      cwd: ROOT,
      env: { ...composeNames('production', stack.settings), SECRETS_DIR: secretsDir(stack.settings.prefix) },
    });
  }

  /** The frontend may have no health check in a broken stack. */
  async function untilUp(): Promise<void> {
    await until('database and backend up again', 240_000, async () => {
      const both = await Promise.all([stack.container('postgres'), stack.container('backend')]);
      return both.every(({ health }) => health === 'healthy');
    });
  }

  it('holds on a stack as it is deployed, within 20 s where nothing else runs, and as much longer as others take', async () => {
    const startedAt = Date.now();
    const { results, failed } = await verify([]);
    const seconds = (Date.now() - startedAt) / 1000;
    assert.deepEqual(failed, []);
    assert.equal(results.length, CHECKS.length);
    const warned = results.filter(({ status }) => status !== 'ok').map(({ id }) => id);
    assert.deepEqual(
      warned.filter((id) => !TO_LOOK_AT.includes(id)),
      [],
    );
    // How many want each CPU: on a machine that others keep busy everything takes so many times as long.
    const share = Math.max(1, ...loadavg().map((load) => load / cpus().length));
    assert.ok(seconds < 20 * share, `${seconds} s, with ${share} to each CPU`);
  });

  it('prints for people what was found, the rule and the fix, and writes JUnit', async () => {
    const file = join(stack.tmp, 'verify.xml');
    const args = ['--only', 'user,image-base', '--skip', 'user=looked at by hand', '--junit', file];
    const { stdout } = await stack.script('verify', args);
    assert.match(
      stdout,
      /^Verifying .*: 2 checks, .*\n– Containers {3}1 left out\n.*\n\n– user left out: looked at by hand\n/,
    );
    assert.match(stdout, /2 checks in .*: 1 hold, 0 broken, 0 to look at, 1 left out/);
    assert.match(
      readFileSync(file, 'utf8'),
      /<testsuites name="prod-verify" tests="2" failures="0" skipped="1"/,
    );
  });

  it('leaves nothing behind', async () => {
    const left = await mustRun(
      ['docker', 'ps', '-aq', '--filter', `name=${stack.settings.prefix}-verify-`],
      HINT,
    );
    assert.equal(left, '');
  });

  it('asks the same of a container with a shell and of one without', async () => {
    const { node } = await resolveBases();
    const ask = async (argv: readonly string[], input: string) => {
      const start = ['docker', 'run', '--rm', '-i', '--env', 'TASK=1', ...sandboxArgv(), node, ...argv];
      return parseSections(await mustRun(start, HINT, { input }));
    };
    const [shell, program] = await Promise.all([
      ask(['sh', '-s', '1'], readProbe('inside.sh')),
      ask(NODE, packProbe('inside.ts')),
    ]);
    const names = (sections: Sections) =>
      new Set([...sections.keys()].map((name) => name.replace(/ \d+$/, ' PID')));
    const tools = (sections: Sections) =>
      (sections.get('tools') ?? '')
        .trim()
        .split('\n')
        .map((path) => path.replace(/.*\//, ''));
    assert.deepEqual(
      names(program),
      new Set([...names(shell), 'metrics']),
      'the metrics are the API’s alone',
    );
    assert.deepEqual(new Set(tools(program)), new Set(tools(shell)));
    assert.ok(tools(shell).includes('npm'), 'a base has some');
    for (const name of ['limits', 'cgroup memory.max', 'cgroup memory/memory.limit_in_bytes'])
      assert.equal(program.get(name), shell.get(name), name);
    for (const one of [program, shell]) assert.ok(one.get('write'), 'the root is read-only');
  });

  it('finds a backend that lost its database, and another app that answers to a name of ours, and those alone', async () => {
    const internal = `${stack.settings.prefix}-internal`;
    const backend = stack.name('backend');
    const names = ['--network', stack.settings.network, '--network-alias', stack.name('frontend')];
    const idle = ['--entrypoint', 'sleep', `${stack.name('frontend')}:latest`, '1000'];
    await mustRun(['docker', 'network', 'disconnect', internal, backend], HINT);
    await mustRun(['docker', 'run', '-d', '--name', ODD, ...names, ...idle], HINT);
    const { failed, found } = await verify(['--only', 'network']);
    await run(['docker', 'rm', '-f', '-v', ODD]);
    const keys = ['--alias', 'kidney-genetics-backend-service', '--alias', backend];
    await mustRun(['docker', 'network', 'connect', ...keys, internal, backend], HINT);
    assert.deepEqual(failed, ['alias-conflicts', 'database-from-backend']);
    assert.match(found('alias-conflicts'), new RegExp(ODD));
  });

  it('leaves a stopped container to the check of its health', async () => {
    await mustRun(['docker', 'kill', stack.name('frontend')], HINT);
    const { failed } = await verify(['--only', 'container,network,images,database']);
    assert.deepEqual(failed, ['health']);
    await mustRun(['docker', 'start', stack.name('frontend')], HINT);
    await stack.untilHealthy();
  });

  it('finds an env file that is open, old, weak and not ignored, and a secret in a log; shows no secret itself', async () => {
    const file = join(ROOT, `${ODD}.env`);
    const folder = secretsDir(stack.settings.prefix);
    try {
      copyFileSync(stack.settings.envFile, file);
      const text = readFileSync(file, 'utf8')
        .replace(/^# Secrets made on .{10}/m, '# Secrets made on 2020-02-02')
        .replace(/^LOG_LEVEL=.*\n/m, '')
        .replace(/^SECRET_KEY=.*$/m, `SECRET_KEY=${'ab'.repeat(20)}`);
      writeFileSync(file, text);
      chmodSync(file, 0o644);
      chmodSync(folder, 0o755);
      const write = `require('fs').writeFileSync('/proc/1/fd/1', process.env.LEAK + '\\n')`;
      await mustRun(['docker', 'exec', '-e', 'LEAK', stack.name('backend'), 'node', '-e', write], HINT, {
        env: { LEAK: `url=${secrets.POSTGRES_PASSWORD}` },
      });
      const { failed, results, text: printed } = await verify(['--only', 'secrets'], { ENV_FILE: file });
      assert.deepEqual(failed, [
        ...[
          'env-file-content',
          'env-file-git',
          'env-file-mode',
          'secret-files-mode',
          'secret-logs',
          'secret-strength',
        ],
      ]);
      assert.equal(results.find(({ id }) => id === 'secret-age')?.status, 'warn');
      assert.ok(!printed.includes(secrets.POSTGRES_PASSWORD ?? ''));
    } finally {
      rmSync(file, { force: true });
      chmodSync(folder, 0o700);
    }
  });

  it('takes a database that was dumped and restored for the same', async () => {
    const name = stack.name('postgres');
    const copy = `pg_dump -U postgres -Fc kidney_genetics | pg_restore -U postgres --role=kidney_user --exit-on-error -d copy`;
    await stack.sql('create database copy owner kidney_user template template0');
    await mustRun(['docker', 'exec', name, 'sh', '-c', copy], HINT);
    const read = async (database: string) => {
      const text = await readCatalog(name, database);
      return parseCatalog(text.replaceAll(`"in" : "${database}"`, '"in" : "kidney_genetics"'));
    };
    const [live, restored] = [await read('kidney_genetics'), await read('copy')];
    await stack.sql('drop database copy');
    assert.ok(live.size > 10_000, `${live.size} rows`);
    // Rights on a database are no part of its dump.
    const isOwn = (line: string) => !line.startsWith('pg_database ');
    assert.deepEqual(compareCatalogs(live, restored).filter(isOwn), []);
  });

  it('finds what no single check asks for: drift of containers, processes, images, neighbours and the database', async () => {
    const [backend, frontend, postgres] = (['backend', 'frontend', 'postgres'] as const).map((one) =>
      stack.name(one),
    ) as [string, string, string];
    const internal = `${stack.settings.prefix}-internal`;
    const idle = ['--entrypoint', 'sleep', `${frontend}:latest`, '1000'];
    const foreign = ['docker', 'run', '-d', '--label', `${ODD}=1`];
    const limits = ['--memory', '3g', '--memory-swap', '3g', '--pids-limit', '9999', '--cpus', '1.9'];
    await mustRun(['docker', 'update', ...limits, backend], HINT);
    await mustRun(['docker', 'exec', '-d', '--privileged', '-u', '0', postgres, 'sleep', '1000'], HINT);
    await mustRun(['docker', 'exec', '-d', backend, 'node', '-e', 'setTimeout(() => {}, 1e6)'], HINT);
    const takeBack = await remakeByHand('frontend');
    const forged = ['--label', `com.docker.compose.project=${stack.settings.prefix}`];
    await mustRun([...foreign, '--name', ODD, '--network', internal, ...forged, ...idle], HINT);
    const relay = ['--network', stack.settings.network, '-p', '127.0.0.1::80'];
    await mustRun([...foreign, '--name', `${ODD}-relay`, ...relay, ...idle], HINT);
    const mounted = ['--network', 'none', '-v', `${volumeName(stack.settings)}:/mnt:ro`];
    await mustRun([...foreign, '--name', `${ODD}-reader`, ...mounted, ...idle], HINT);
    await mustRun([...foreign, '--name', `${ODD}-twin`, '--network', `container:${postgres}`, ...idle], HINT);
    await stack.sql(DATABASE_DRIFT.join(';\n'));
    try {
      const { found, failed } = await verify(['--only', 'drift']);
      const parts = [
        'containers',
        'database',
        'images',
        'limits',
        'mounts',
        'neighbours',
        'processes',
        'settings',
      ];
      assert.deepEqual(
        failed,
        parts.map((part) => `drift-${part}`),
      );
      const all = failed.map(found).join('; ');
      for (const [what, pattern] of Object.entries(DRIFTED)) assert.match(all, pattern, what);
    } finally {
      const ids = await mustRun(['docker', 'ps', '-aq', '--filter', `label=${ODD}`], HINT);
      await run(['docker', 'rm', '-f', '-v', ...ids.split('\n').filter(Boolean)]);
      await stack.sql(DATABASE_REPAIR.join(';\n'));
      await takeBack();
    }
    const { failed: left, found: leftOver } = await verify(['--only', 'drift']);
    for (const part of ['drift-database', 'drift-settings', 'drift-neighbours'])
      assert.ok(!left.includes(part), `what was taken back is gone: ${leftOver(part)}`);
  });

  it('finds a database whose roles and settings were loosened, and a server that gets no updates any more', async () => {
    await stack.sql(`
      ALTER ROLE kidney_user SUPERUSER;
      GRANT pg_execute_server_program TO kidney_user;
      ALTER ROLE postgres PASSWORD 'for-a-test-alone-0123456789';
      SET password_encryption = 'md5';
      CREATE ROLE old LOGIN PASSWORD 'for-a-test-alone';
      GRANT CONNECT ON DATABASE kidney_genetics TO PUBLIC;`);
    // ALTER SYSTEM does not run inside a transaction.
    await stack.sql('ALTER SYSTEM SET full_page_writes = off');
    await stack.sql('ALTER SYSTEM SET log_parameter_max_length = -1');
    await stack.sql('SELECT pg_reload_conf()');
    const { failed, found } = await verify(['--only', 'database'], {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(FIVE_YEARS_AHEAD)}`,
    });
    assert.deepEqual(failed, [
      ...['database-durability', 'database-log-values', 'database-memberships', 'database-passwords'],
      ...['database-public', 'database-role', 'database-superusers', 'database-version'],
    ]);
    assert.match(found('database-version'), /^PostgreSQL 17\.\d+ has had no updates since 2029-11-08$/);
    await stack.sql('ALTER ROLE kidney_user NOSUPERUSER');
  });

  it('finds containers, networks, images, a database and a web server without their guards', async () => {
    const [shared, mounts] = [join(stack.tmp, 'shared'), join(stack.tmp, 'mounts')];
    mkdirSync(shared);
    mkdirSync(mounts);
    await Promise.all([
      buildBrokenImages(),
      run(['docker', 'rm', '-f', '-v', ODD]),
      mustRun(['docker', 'network', 'create', ODD], HINT),
      mustRun(['mount', '-t', 'tmpfs', '-o', 'size=1m', ODD, mounts], HINT),
      mustRun(composeArgv('production', stack.settings, ['down', '--timeout', '1']), HINT, {
        cwd: ROOT,
        env: composeNames('production', stack.settings),
      }),
    ]);
    await mustRun(['mount', '--make-shared', mounts], HINT);
    writeFileSync(join(stack.tmp, 'pg_hba.conf'), 'local all all trust\nhost all all all trust\n');
    writeFileSync(join(stack.tmp, 'naive.pl'), NAIVE_SERVER);
    await switchChecksumsOff();
    const leak = secrets.SECRET_KEY ?? '';
    await upBroken(`
services:
  kidney-genetics-postgres:
    networks: [npm-proxy, kidney-genetics-internal]
    volumes: ["${stack.tmp}/pg_hba.conf:/etc/postgresql/pg_hba.conf:ro"]
  kidney-genetics-backend-service:
    image: ${ODD}-backend
    init: false
    environment: { METRICS_HOST: 0.0.0.0, LEAK: "${leak}", PGPOOL_MAX: "30" }
    command: [node, /app/server.js, "--leak=${leak}"]
  kidney-genetics-frontend-service:
    image: ${ODD}-frontend
    user: "0:0"
    # Not nginx, which as root wants capabilities of its own; it listens where nobody expects it, too.
    command: [setpriv, --inh-caps=+net_raw, --ambient-caps=+net_raw, perl, /mnt/naive.pl]
    stop_signal: SIGKILL
    healthcheck: { disable: true }
    cap_add: [NET_RAW]
    read_only: false
    security_opt: !override ["no-new-privileges:false", "seccomp:unconfined", "apparmor:unconfined"]
    tmpfs: !override ["/tmp:mode=1777,exec"]
    ulimits: !override { core: -1, nofile: 1024 }
    restart: "no"
    ports: ["0.0.0.0:0:80"]
    extra_hosts: ["shop:192.0.2.7"]
    networks:
      npm-proxy: { aliases: [frontend] }
      kidney-genetics-internal:
      odd:
    volumes:
      - "${stack.tmp}/naive.pl:/mnt/naive.pl:ro"
      - "/var/run/docker.sock:/mnt/docker.sock:ro"
      - "/etc:/mnt/etc:ro"
      - "${shared}:/mnt/shared"
      - "odd:/mnt/odd"
  kidney-genetics-odd:
    image: ${stack.name('frontend')}:latest
    container_name: ${ODD}
    # The child of a program that reaps nothing.
    entrypoint: []
    command: [bash, -c, "sleep 0.1 & exec sleep 1000"]
    stop_signal: SIGKILL
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    read_only: true
    privileged: true
    cgroup: host
    volumes: ["${mounts}:/mnt/mounts:ro,rshared"]
    pid: host
    ipc: host
    uts: host
    userns_mode: host
    network_mode: host
    devices: ["/dev/null:/dev/odd"]
    logging: { driver: none }
networks:
  odd: { name: ${ODD}, external: true }
  kidney-genetics-internal: !override
    name: ${stack.settings.prefix}-internal
    driver: bridge
volumes:
  odd: { name: ${ODD} }
`);
    // Another image under the name of the one that runs.
    await mustRun(['docker', 'tag', `${stack.name('frontend')}:latest`, `${ODD}-backend`], HINT);
    await mustRun(['docker', 'network', 'connect', 'bridge', stack.name('frontend')], HINT);
    await untilUp();
    const { failed, found, text } = await verify([]);
    const named = new Set([
      ...BROKEN,
      ...CHECKS.filter(({ family }) => family === 'http').map(({ id }) => id),
    ]);
    // Drift sees every one of these changes, by its own words; which of its checks does is the business of its own test.
    const isDrift = (id: string) => id.startsWith('drift-');
    assert.deepEqual(
      failed.filter((id) => !isDrift(id)),
      [...named].sort(),
      JSON.stringify(found('health')),
    );
    const drifted = ['containers', 'images', 'networks', 'settings'];
    assert.ok(
      drifted.every((part) => failed.includes(`drift-${part}`)),
      failed.filter(isDrift).join(),
    );
    assert.match(found('drift-images'), /-backend runs sha256:\w+, and its release's tag means sha256:/);
    assert.match(found('zombies'), /-odd: sleep/);
    assert.match(found('secret-layers'), /SECRET_KEY \(base64\) in \S+-odd-backend/);
    assert.match(found('secret-command-lines'), /SECRET_KEY in \S+-backend/);
    assert.ok(!text.includes(leak), 'the report itself shows no secret');
  });

  it('has been seen to fail in every check', () => {
    const unseen = CHECKS.map(({ id }) => id).filter((id) => !seen.has(id));
    const isNamed = (id: string) => id in ELSEWHERE;
    assert.deepEqual(
      unseen.filter((id) => !isNamed(id)),
      [],
    );
    // What is seen here needs no other place.
    const needless = Object.keys(ELSEWHERE).filter((id) => !unseen.includes(id));
    assert.deepEqual(needless, []);
  });

  /**
   * Puts another image under the tag of a service's, and a container that was made by hand, with the labels of Compose, in
   * its place.
   * @returns takes the tag back
   */
  async function remakeByHand(service: 'frontend'): Promise<() => Promise<unknown>> {
    const { image: tag } = await stack.container(service);
    const name = stack.name(service);
    const id = (await mustRun(['docker', 'image', 'inspect', '-f', '{{.Id}}', tag], HINT)).trim();
    const record = await mustRun(['docker', 'inspect', name], HINT);
    const [{ Config, Mounts, NetworkSettings }] = JSON.parse(record) as [InspectedContainer];
    await mustRun(['docker', 'build', '--quiet', '--tag', tag, '-'], HINT, {
      input: `FROM ${tag}\nENV CHANGED=1\n`,
    });
    await mustRun(['docker', 'rm', '-f', name], HINT);
    const flags = [
      ...Object.entries(Config.Labels ?? {}).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
      ...(Config.Env ?? []).flatMap((entry) => ['--env', entry]),
      ...['--env', 'NODE_OPTIONS=--trace-warnings', '--volume', `${stack.tmp}:/mnt:ro`],
      ...Object.keys(NetworkSettings.Networks).flatMap((network) => ['--network', network]),
      ...Mounts.flatMap(({ Source, Destination }) => ['--volume', `${Source}:${Destination}:ro`]),
    ];
    await mustRun(['docker', 'run', '-d', '--name', name, ...flags, tag], HINT);
    return () => mustRun(['docker', 'tag', id, tag], HINT);
  }

  /** The backend with a shell, root, a secret in its history and one in a layer below; the frontend's place for a naive server. */
  async function buildBrokenImages(): Promise<void> {
    const folder = join(stack.tmp, 'images');
    mkdirSync(folder);
    const build = async (name: string, text: string) => {
      writeFileSync(join(folder, 'Dockerfile'), text);
      await mustRun(['docker', 'build', '--quiet', '--tag', name, folder], HINT, {
        env: { DOCKER_BUILDKIT: '1' },
      });
    };
    const old = `LABEL org.opencontainers.image.created="2020-01-01T00:00:00Z"\n`;
    await build(`${ODD}-base:1`, `FROM ${stack.name('backend')}:latest\n${old}`);
    await mustRun(['docker', 'tag', `${ODD}-base:1`, `${ODD}-base:latest`], HINT);
    writeFileSync(join(folder, 'leak'), `key=${Buffer.from(secrets.SECRET_KEY ?? '').toString('base64')}`);
    await build(
      `${ODD}-backend`,
      `FROM ${stack.name('backend')}:latest
       COPY --from=${stack.name('frontend')}:latest /bin/sh /bin/sh
       COPY leak /leak
       COPY --from=${stack.name('frontend')}:latest /etc/os-release /leak
       ENV NOTE=${secrets.POSTGRES_PASSWORD}
       LABEL org.opencontainers.image.base.name="${ODD}-base:1" org.opencontainers.image.revision="another"
       USER 0:0`,
    );
    await build(
      `${ODD}-frontend`,
      `FROM ${stack.name('frontend')}:latest\nLABEL org.opencontainers.image.base.name="${ODD}-base:latest"`,
    );
  }

  async function switchChecksumsOff(): Promise<void> {
    const volume = `${volumeName(stack.settings)}:/var/lib/postgresql/data`;
    const image = `${stack.name('postgres')}:latest`;
    await mustRun(
      [
        'docker',
        'run',
        '--rm',
        '-v',
        volume,
        image,
        'pg_checksums',
        '--disable',
        '-D',
        '/var/lib/postgresql/data',
      ],
      HINT,
    );
  }
});
