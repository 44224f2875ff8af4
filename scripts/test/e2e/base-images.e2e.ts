import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { objectExists } from '../../lib/docker/inspect.ts';
import { type Bases, resolveBases } from '../../lib/images/base-images.ts';
import { BASE_NAMES, RECIPES } from '../../lib/images/base-names.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { TEST_PREFIX, until } from './harness.ts';

/** The contract that official images keep and that the Dockerfiles build on, whichever of the two is in use. */
describe('base images', () => {
  const name = `${TEST_PREFIX}-base`;
  let bases: Bases;

  before(async () => {
    bases = await resolveBases();
    await run(['docker', 'rm', '-f', '-v', name]);
  });
  after(() => run(['docker', 'rm', '-f', '-v', name]));

  const inside = async (image: string, ...argv: string[]) =>
    (await mustRun(['docker', 'run', '--rm', image, ...argv], 'see above')).trim();
  const configOf = async (image: string) =>
    JSON.parse(
      await mustRun(['docker', 'image', 'inspect', '-f', '{{json .Config}}', image], 'see above'),
    ) as {
      StopSignal?: string;
      Entrypoint?: string[];
      Cmd?: string[];
      Env: string[];
    };

  it('are official ones, or say that they stand in for them', async () => {
    for (const base of BASE_NAMES) {
      const { official, standIn } = RECIPES[base];
      if (bases[base] === official) continue;
      assert.equal(bases[base], standIn);
      assert.equal(await objectExists('image', official), false, 'a stand-in hides behind the official name');
    }
  });

  it('node: Node 24 with npm, and the user node with uid 1000', async () => {
    assert.match(await inside(bases.node, 'node', '--version'), /^v24\./);
    assert.match(await inside(bases.node, 'npm', '--version'), /^\d+\./);
    assert.equal(await inside(bases.node, 'id', '-u', 'node'), '1000');
    assert.ok((await configOf(bases.node)).Env.some((line) => /^NODE_VERSION=24\./.test(line)));
  });

  it('nginx: 1.27.3 or newer, user nginx with uid 101, templates filled in, SIGQUIT to stop', async () => {
    const { StopSignal, Entrypoint, Cmd } = await configOf(bases.nginx);
    assert.deepEqual(
      [StopSignal, Entrypoint, Cmd],
      ['SIGQUIT', ['/docker-entrypoint.sh'], ['nginx', '-g', 'daemon off;']],
    );
    assert.equal(await inside(bases.nginx, 'id', '-u', 'nginx'), '101');
    const template = 'server { listen 80; return 200 $${WORD}; }'.replace('$$', '$');
    const script = `mkdir -p /etc/nginx/templates && echo '${template}' > /etc/nginx/templates/default.conf.template
      /docker-entrypoint.sh nginx -t 2>&1 && cat /etc/nginx/conf.d/default.conf`;
    const argv = ['docker', 'run', '--rm', '-e', 'WORD=filled', bases.nginx, 'sh', '-c', script];
    assert.match(await mustRun(argv, 'see above'), /syntax is ok[\s\S]*return 200 filled;/);
  });

  it('postgres: 17, uid 999, secrets from files, scripts of the first start, once', async () => {
    const { StopSignal, Env } = await configOf(bases.postgres);
    assert.equal(StopSignal, 'SIGINT');
    assert.ok(Env.includes('PGDATA=/var/lib/postgresql/data'));
    const password = randomBytes(24).toString('base64url');
    const script = `printf %s '${password}' > /run/word; chmod 0444 /run/word
      echo 'CREATE TABLE made_at_init (n int)' > /docker-entrypoint-initdb.d/one.sql
      exec docker-entrypoint.sh postgres`;
    const settings = [
      '-e',
      'POSTGRES_PASSWORD_FILE=/run/word',
      '-e',
      'POSTGRES_USER=ada',
      '-e',
      'POSTGRES_DB=genes',
    ];
    await mustRun(
      [
        'docker',
        'run',
        '-d',
        '--name',
        name,
        ...settings,
        '--entrypoint',
        'sh',
        bases.postgres,
        '-c',
        script,
      ],
      'see above',
    );
    const ask = (host: string, sql: string) =>
      run(
        [
          'docker',
          'exec',
          '-e',
          'PGPASSWORD',
          name,
          'psql',
          '-h',
          host,
          '-U',
          'ada',
          '-d',
          'genes',
          '-qAtc',
          sql,
        ],
        { env: { PGPASSWORD: host === '127.0.0.1' ? password : 'not-it' } },
      );
    const ready = ['docker', 'exec', name, 'pg_isready', '-q', '-h', '127.0.0.1', '-U', 'ada'];
    await until('postgres', 60_000, async () => (await run(ready)).exitCode === 0);
    assert.equal((await ask('127.0.0.1', 'SELECT count(*) FROM made_at_init')).stdout, '0\n');
    assert.match((await ask('127.0.0.1', 'SHOW server_version')).stdout, /^17\./);
    assert.match((await mustRun(['docker', 'exec', name, 'id', 'postgres'], 'see above')).trim(), /^uid=999/);
    // From another address the password is asked for: trust is for the container itself alone.
    const address = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    const host = (await mustRun(['docker', 'inspect', '-f', address, name], 'see above')).trim();
    assert.match((await ask(host, 'SELECT 1')).stderr, /password authentication failed/);
    await mustRun(['docker', 'restart', name], 'see above');
    await until('the second start', 60_000, async () => (await run(ready)).exitCode === 0);
    assert.equal((await ask('127.0.0.1', 'SELECT count(*) FROM made_at_init')).stdout, '0\n');
  });
});
