import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mustRun, run } from '../../lib/shell.ts';
import type { Result } from '../../lib/verify/check.ts';
import { TEST_PREFIX, TestStack } from '../e2e/harness.ts';
import { makePostgresImage } from './old-postgres.ts';

/**
 * Not part of `make test`, for the minutes that an old PostgreSQL takes to be made from Debian 11's packages:
 * node --import tsx --test scripts/test/slow/verify-old-database.slow.ts
 */
const OLD = '13';
/** One setting and \\getenv came later, and so did the schema public in which only the database's owner may create. */
const ADAPT = [
  "sed -i '/^client_connection_check_interval/d' /etc/postgresql/postgresql.conf &&",
  'sed -i -e /getenv/d',
  `-e 's/--no-psqlrc/& --set app_user="$APP_USER" --set app_password="$APP_PASSWORD"/'`,
  `-e 's/^REVOKE CONNECT/REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO :"app_user";\\n&/'`,
  '/docker-entrypoint-initdb.d/create-app-role.sh',
].join(' ');
const IMAGE = `${TEST_PREFIX}-postgres-${OLD}`;

describe('prod-verify on a PostgreSQL without updates', { timeout: 1_800_000 }, () => {
  let stack: TestStack;

  before(async () => {
    stack = await TestStack.create('old-database');
    await makePostgresImage(IMAGE, OLD, 'bullseye', stack.tmp, ADAPT);
    await mustRun(['docker', 'tag', IMAGE, `${stack.name('postgres')}:latest`], 'see above');
    await stack.mustScript('npm-network', ['create']);
    // Whether the API starts on so old a server is not what is asked here.
    await stack.script('up');
  });
  after(async () => {
    await stack?.dispose();
    await run(['docker', 'rmi', IMAGE, `${IMAGE}-base`, `${IMAGE}-root`]);
  });

  it('fails in the check of its version, and in that alone', async () => {
    const { stdout } = await stack.script('verify', ['--json', '--only', 'database']);
    const { results } = JSON.parse(stdout) as { results: Result[] };
    const failed = results.filter(({ status }) => status === 'fail');
    assert.deepEqual(
      failed.map(({ id }) => id),
      ['database-version'],
      JSON.stringify(failed),
    );
    assert.match(failed[0]?.found ?? '', /^PostgreSQL 13\.\d+ gets no updates any more$/);
  });
});
