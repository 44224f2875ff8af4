import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { glob } from 'zx';
import { clientArgv, psqlArgv, type SignIn, superuser } from '../lib/database/client-argv.ts';
import { describeCollation } from '../lib/database/collation.ts';
import { ROOT } from '../lib/process/root.ts';

const owner: SignIn = { container: 'db', database: 'genes', user: 'ada', by: 'socket', limitSeconds: 60 };

describe('Command lines of psql and its like', () => {
  it('of the superuser enter the server’s own database, and look names up in pg_catalog alone', () => {
    assert.deepEqual(psqlArgv(superuser('db'), { name: 'a b' }), [
      ...['docker', 'exec', '-i', 'db', 'psql', '--no-password', '-XqAt', '-v', 'ON_ERROR_STOP=1'],
      ...['-v', 'name=a b'],
      "--dbname=dbname='postgres' user='postgres' host='/run/postgresql' application_name='kidney-genetics'" +
        " client_encoding='UTF8' options='-c search_path=pg_catalog -c row_security=off -c standard_conforming_strings=on'",
    ]);
  });

  it('of the owner end by themselves, and sign in by the socket', () => {
    const argv = clientArgv(owner, 'pg_restore', ['--exit-on-error']);
    const [, , , , ...rest] = argv;
    assert.deepEqual(rest.slice(0, 11), [
      ...['timeout', '-k', '5', '60', 'setpriv', '--pdeathsig', 'KILL', '--'],
      ...['pg_restore', '--no-password', '--exit-on-error'],
    ]);
    assert.match(argv.at(-1) ?? '', /dbname='genes' user='ada' host='\/run\/postgresql'/);
  });

  it('hold no password', () => {
    const byFile = clientArgv({ ...owner, by: 'loopback' }, 'psql').join(' ');
    assert.match(
      byFile,
      /sh -c PGPASSWORD="\$\(cat "\$\{POSTGRES_PASSWORD_FILE:-\/dev\/null\}"\)" exec "\$@" sh psql/,
    );
    assert.match(byFile, /host='127\.0\.0\.1'/);
    assert.match(clientArgv({ ...owner, by: 'given' }, 'psql').join(' '), /exec -i --env PGPASSWORD db /);
  });

  for (const [database, quoted] of [
    ["it's", "dbname='it\\'s'"],
    ['a host=evil', "dbname='a host=evil'"],
    ['back\\slash', "dbname='back\\\\slash'"],
    ['postgresql://evil/x', "dbname='postgresql://evil/x'"],
  ] as const) {
    it(`read the name ${database} as nothing else`, () => {
      assert.ok(
        psqlArgv({ ...owner, database })
          .at(-1)
          ?.startsWith(`--dbname=${quoted} `),
      );
    });
  }

  it('are made in one place, and nobody is the superuser in another database', async () => {
    const files = await glob('scripts/{*.ts,lib/**/*.ts}', { cwd: ROOT, absolute: true });
    const offences = files.flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      const byHand = /'psql'|'pg_dump'|'pg_restore'|--username=postgres|'-U', 'postgres'/.test(text);
      const allowed = /process-rules\.ts$|client-argv\.ts$|backup\/(dump|load|throwaway)\.ts$/.test(file);
      return byHand && !allowed ? [file.slice(ROOT.length + 1)] : [];
    });
    assert.deepEqual(offences, []);
  });
});

describe('Another order of words', () => {
  it('is told with its command', () => {
    const said = describeCollation('db', { database: 'genes', owner: 'ada', made: '2.36', now: '2.41' });
    assert.equal(
      said,
      'The order of words in genes was made by version 2.36 and is now 2.41, so indexes on text may miss rows → ' +
        "docker exec db psql -X -U ada -d genes -c 'REINDEX DATABASE genes' -c 'ALTER DATABASE genes REFRESH COLLATION VERSION'",
    );
  });
});
