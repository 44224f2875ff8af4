import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findCountProblems, findForbidden, findTablesMissing } from '../lib/backup/contents-rules.ts';
import { databaseSql, findLeftOut, rolesSql } from '../lib/backup/database-settings-rules.ts';
import { judgeBackups } from '../lib/backup/health-rules.ts';
import { formatBar } from '../lib/backup/list.ts';
import {
  backupName,
  estimateBytes,
  type Manifest,
  readManifest,
  sortNewestFirst,
  writeManifest,
} from '../lib/backup/manifest.ts';
import { isoWeek, planRetention } from '../lib/backup/retention-rules.ts';
import { findDue, findUnplain, readScheduleUser, scheduleFiles } from '../lib/backup/schedule-rules.ts';
import { parseRemote, readBackupSettings } from '../lib/stack/backup-settings.ts';
import { formatProgress } from '../lib/terminal/progress.ts';

const KEY = 'the key of the tests, nobody else has it';
const DAY = 86_400_000;

/** A backup made at a time, and perhaps drilled. */
function made(at: string, drill?: { at: string; ok: boolean }): Manifest {
  const name = backupName('kg', new Date(at));
  return {
    name,
    stack: 'kg',
    file: `${name}.dump`,
    createdAt: at,
    durationMs: 1,
    bytes: 100,
    sha256: 'ab'.repeat(32),
    recipients: [],
    server: { version: '17.1', versionNum: 170001, image: 'kg-postgres:latest' },
    revision: 'abc',
    database: {
      name: 'db',
      owner: 'me',
      bytes: 400,
      encoding: 'UTF8',
      collate: 'C',
      ctype: 'C',
      settings: [],
    },
    schemaVersion: '',
    schemaHash: '',
    tables: {},
    roles: [],
    drill: drill && { ...drill, restoreMs: 1, problems: drill.ok ? [] : ['broken'] },
    signed: true,
  };
}

describe('what pruning keeps', () => {
  const now = Date.parse('2026-03-31T12:00:00Z');
  const daily = Array.from({ length: 200 }, (_, days) => new Date(now - days * DAY).toISOString());
  const kept = (manifests: Manifest[], keep = { daily: 7, weekly: 4, monthly: 6 }) =>
    planRetention(manifests, keep, now)
      .filter(({ reasons }) => reasons.length > 0)
      .map(({ manifest }) => manifest.createdAt.slice(0, 10));

  it('a backup of each of 7 days, 4 weeks and 6 months', () => {
    assert.deepEqual(kept(daily.map((at) => made(at))), [
      ...['2026-03-31', '2026-03-30', '2026-03-29', '2026-03-28', '2026-03-27', '2026-03-26', '2026-03-25'],
      ...['2026-03-22', '2026-03-15'],
      ...['2026-02-28', '2026-01-31', '2025-12-31', '2025-11-30', '2025-10-31'],
    ]);
  });

  it('the newest of all, be it years old and the settings zero', () => {
    assert.deepEqual(
      kept([made('2019-01-01T00:00:00Z'), made('2018-01-01T00:00:00Z')], { daily: 0, weekly: 0, monthly: 0 }),
      ['2019-01-01'],
    );
  });

  it('the newest that a drill proved, and all since then that no drill has reached', () => {
    const manifests = ['31', '30', '29', '28'].map((day) => made(`2026-03-${day}T01:00:00Z`));
    manifests[2] = made('2026-03-29T01:00:00Z', { at: '2026-03-29T02:00:00Z', ok: true });
    assert.deepEqual(kept(manifests, { daily: 1, weekly: 0, monthly: 0 }), [
      '2026-03-31',
      '2026-03-30',
      '2026-03-29',
    ]);
  });

  it('not one whose drill failed, while there is another', () => {
    const bad = made('2026-03-31T01:00:00Z', { at: '2026-03-31T02:00:00Z', ok: false });
    assert.deepEqual(kept([bad, made('2026-03-30T01:00:00Z')]), ['2026-03-30']);
    assert.deepEqual(kept([bad]), ['2026-03-31']);
  });

  it('the one that a wrong clock dated in the future, which stands for no day and is not the newest', () => {
    const manifests = ['2031-01-01', '2026-03-30', '2026-03-29'].map((day) => made(`${day}T01:00:00Z`));
    const [future, ...rest] = planRetention(manifests, { daily: 1, weekly: 0, monthly: 0 }, now);
    assert.deepEqual(future?.reasons, ['dated in the future']);
    assert.deepEqual(
      rest.map(({ reasons }) => reasons),
      [['newest', 'day 2026-03-30'], []],
    );
  });

  it('says why each stays', () => {
    const [first] = planRetention([made('2026-03-31T01:00:00Z')], { daily: 1, weekly: 1, monthly: 1 }, now);
    assert.deepEqual(first?.reasons, ['newest', 'day 2026-03-31', 'week 2026-W14', 'month 2026-03']);
  });

  it('counts weeks by ISO 8601', () => {
    const weeks = {
      '2026-01-01': '2026-W01',
      '2027-01-01': '2026-W53',
      '2024-12-30': '2025-W01',
      '2026-03-29': '2026-W13',
    };
    for (const [day, week] of Object.entries(weeks)) assert.equal(isoWeek(new Date(day)), week);
  });
});

describe('how the backups are judged', () => {
  const now = Date.parse('2026-03-31T12:00:00Z');
  const ago = (hours: number) => new Date(now - hours * 3_600_000).toISOString();
  const good = (hours: number) => ({ at: ago(hours), ok: true });
  const table: [string, Manifest[], string, RegExp][] = [
    ['none yet', [], 'yellow', /no backup yet/],
    ['fresh and proven', [made(ago(25), good(20))], 'green', /^$/],
    ['stale', [made(ago(27), good(20))], 'red', /last good backup is stale/],
    ['fresh, never drilled', [made(ago(1))], 'yellow', /not? .*drilled yet|no backup was drilled yet/],
    ['never drilled for nine days', [made(ago(1)), made(ago(9 * 24))], 'red', /drilled for too long/],
    ['a drill nine days ago', [made(ago(1)), made(ago(220), good(9 * 24))], 'red', /drilled for too long/],
    ['a drill that failed', [made(ago(1), { at: ago(0.5), ok: false })], 'red', /last drill failed: broken/],
  ];
  for (const [name, manifests, colour, problem] of table) {
    it(name, () => {
      const health = judgeBackups(manifests, now);
      assert.equal(health.colour, colour);
      assert.match(health.problems.join('; '), problem);
    });
  }

  it('says that a clock was wrong, and gives no negative age', () => {
    const health = judgeBackups([made(ago(-24 * 365), good(-24 * 365)), made(ago(30), good(20))], now);
    assert.equal(health.colour, 'red');
    assert.equal(health.backupAgeMs, 30 * 3_600_000);
    assert.equal(health.drillAgeMs, 20 * 3_600_000);
    assert.match(health.problems.join('; '), /stale: .*; 1 dated in the future count for nothing/);
    assert.equal(judgeBackups([made(ago(-1 / 60))], now).backupAgeMs, 0);
    const alone = judgeBackups([made(ago(-24))], now);
    assert.deepEqual([alone.backupAgeMs, alone.last], [null, null]);
    assert.match(alone.problems.join('; '), /no backup yet/);
  });

  it('asks no drill of a host that cannot read its backups', () => {
    assert.equal(judgeBackups([made(ago(1)), made(ago(220))], now, false).colour, 'yellow');
  });
});

describe('what is due by the clock', () => {
  const at = (text: string) => new Date(`2026-03-${text}`);
  const local = (text: string) => at(text).toISOString();
  const table: [string, Manifest[], Date, { backup: boolean; drill: boolean }][] = [
    ['everything, the first time', [], at('10T12:00:00'), { backup: true, drill: true }],
    [
      'nothing after the night’s run',
      [made(local('10T02:20:00'), { at: local('10T02:30:00'), ok: true })],
      at('10T23:59:00'),
      { backup: false, drill: false },
    ],
    [
      'a backup the next night',
      [made(local('10T02:20:00'), { at: local('10T02:30:00'), ok: true })],
      at('11T02:05:00'),
      { backup: true, drill: false },
    ],
    [
      'a night that was missed, when the host is back',
      [made(local('08T02:20:00'), { at: local('08T02:30:00'), ok: true })],
      at('10T15:00:00'),
      { backup: true, drill: false },
    ],
    [
      'everything, whatever a clock that was wrong has dated in the future',
      [made('2031-01-01T00:00:00Z', { at: '2031-01-01T00:00:00Z', ok: true })],
      at('10T15:00:00'),
      { backup: true, drill: true },
    ],
    [
      'a drill after a week',
      [made(local('10T02:20:00'), { at: local('03T02:30:00'), ok: true })],
      at('10T02:30:00'),
      { backup: false, drill: true },
    ],
  ];
  for (const [name, manifests, now, due] of table)
    it(name, () => assert.deepEqual(findDue(manifests, now), due));
});

describe('the files of the schedule', () => {
  const facts = {
    prefix: 'kg',
    root: '/srv/my app',
    node: '/usr/bin/node',
    user: 'root',
    env: { STACK_PREFIX: 'kg' },
    minute: 17,
  };

  it('a line of cron that survives spaces', () => {
    const [file] = scheduleFiles('cron', facts);
    assert.equal(file?.path, '/etc/cron.d/kg-backup');
    assert.equal(
      file?.content.split('\n').at(-2),
      "17 * * * * root cd '/srv/my app' && STACK_PREFIX=kg /usr/bin/node scripts/launch.cjs scripts/backup.ts --scheduled >>/var/log/kg-backup.log 2>&1",
    );
  });

  for (const odd of ['a\nb', '100%', 'a\tb', "it's", '$HOME', 'a;b', 'a\u2028b', '']) {
    it(`none with ${JSON.stringify(odd)}`, () => {
      assert.deepEqual(findUnplain(facts), []);
      const env = { ENV_FILE: odd };
      assert.match(findUnplain({ ...facts, env }).join(), /^ENV_FILE has a character that a schedule cannot/);
      assert.equal(findUnplain({ ...facts, root: `/srv/${odd}\n` }).length, 1);
    });
  }

  it('say who runs them', () => {
    for (const scheduler of ['cron', 'systemd'] as const) {
      const [file] = scheduleFiles(scheduler, { ...facts, user: 'deploy' });
      assert.equal(readScheduleUser(file?.content ?? ''), 'deploy');
    }
  });

  it('a service and a timer of systemd', () => {
    const [service, timer] = scheduleFiles('systemd', facts);
    assert.equal(service?.path, '/etc/systemd/system/kg-backup.service');
    assert.match(service?.content ?? '', /^WorkingDirectory=\/srv\/my app$/m);
    assert.match(service?.content ?? '', /^Environment=STACK_PREFIX=kg$/m);
    assert.match(
      service?.content ?? '',
      /^ExecStart=\/usr\/bin\/node scripts\/launch.cjs scripts\/backup.ts --scheduled$/m,
    );
    assert.match(timer?.content ?? '', /^RandomizedDelaySec=30min\nPersistent=true$/m);
  });
});

describe('the settings of backups', () => {
  const read = (env: Record<string, string>) =>
    readBackupSettings(env, '/srv/app', (path) => `from ${path}\n`);

  it('have defaults', () => {
    const { folder, keep, recipients, remote } = read({});
    assert.deepEqual(
      { folder, keep, recipients, remote },
      {
        folder: '/srv/app/backups',
        keep: { daily: 7, weekly: 4, monthly: 6 },
        recipients: [],
        remote: undefined,
      },
    );
  });

  it('take keys of a bucket from files', () => {
    const { s3, remote } = read({
      BACKUP_REMOTE: 's3://a-bucket/some/where/',
      BACKUP_S3_SECRET_ACCESS_KEY_FILE: 'key',
      BACKUP_S3_ACCESS_KEY_ID: 'id',
    });
    assert.deepEqual(remote, { bucket: 'a-bucket', prefix: 'some/where/' });
    assert.deepEqual([s3.accessKeyId, s3.secretAccessKey], ['id', 'from /srv/app/key']);
  });

  it('know a bucket from a path', () => {
    assert.deepEqual(parseRemote('s3://bucket'), { bucket: 'bucket', prefix: '' });
    for (const text of ['/mnt/x', 's3://', 's3://B', 'https://bucket/x'])
      assert.equal(parseRemote(text), undefined);
  });
});

describe('manifests and dumps', () => {
  it('names a backup after stack and second', () => {
    assert.equal(backupName('kg', new Date('2026-01-02T03:04:05.678Z')), 'kg-20260102T030405Z');
  });

  it('hides no backup behind one that is dated in the future', () => {
    const manifests = ['2026-01-01', '2031-01-01', '2026-01-02'].map((day) => made(`${day}T00:00:00Z`));
    const sorted = sortNewestFirst(manifests, Date.parse('2026-01-03T00:00:00Z'));
    assert.deepEqual(
      sorted.map(({ createdAt }) => createdAt.slice(0, 10)),
      ['2026-01-02', '2026-01-01', '2031-01-01'],
    );
  });

  it('estimates the next from the last', () => {
    const spare = 16 * 1024 ** 2;
    assert.equal(estimateBytes(800, made('2026-01-01T00:00:00Z')) - spare, 250);
    assert.equal(estimateBytes(800, undefined) - spare, 600);
  });

  it('tells rows that differ from tables that only one knows', () => {
    assert.deepEqual(findCountProblems({ a: 1, b: 2, c: 3 }, { a: 1, b: 5, d: 0 }), {
      rows: ['b has 5 rows instead of 2'],
      tables: ['c is missing', 'd is not in the manifest'],
    });
  });

  it('finds tables that a listing lacks', () => {
    const listing =
      ';\n; Archive\n3400; 0 16386 TABLE DATA public big postgres\n12; 1259 1 TABLE public gone postgres\n';
    const tables = ['big', 'gone'].map((name) => ({ schema: 'public', name }));
    assert.deepEqual(findTablesMissing(listing, tables), ['public.gone']);
  });

  it('finds what only a superuser could make', () => {
    const listing = `;
3; 3466 2 EVENT TRIGGER - evil postgres
4; 1259 1 TABLE public event_trigger kidney_user
6; 2605 4 CAST - CAST (public.state AS text) 
7; 6104 5 PUBLICATION - changes kidney_user
5; 2328 3 FOREIGN DATA WRAPPER - file_fdw postgres`;
    assert.deepEqual(findForbidden(listing), [
      'EVENT TRIGGER - evil postgres',
      'FOREIGN DATA WRAPPER - file_fdw postgres',
    ]);
  });
});

describe('a manifest is input', () => {
  const whole = {
    ...made('2026-01-02T03:04:05Z', { at: '2026-01-03T03:04:05Z', ok: true }),
    tables: { 'public.genes': 241 },
    database: {
      ...made('2026-01-02T03:04:05Z').database,
      grants: [{ role: '', privilege: 'CONNECT' as const, grantable: false }],
      settings: [{ role: '', name: 'work_mem', value: '64MB' }],
    },
    roles: [{ name: 'r', login: true, inherit: true, connectionLimit: -1, memberOf: [], settings: [] }],
  };
  const text = writeManifest(whole, KEY);
  const change = (edit: (value: Record<string, unknown>) => void) => {
    const value = JSON.parse(text) as Record<string, unknown>;
    edit(value);
    return JSON.stringify(value);
  };

  it('is read as it was written, signed', () => {
    assert.deepEqual(readManifest(text, KEY), whole);
  });

  it('is signed by nobody under another key, without one, or when anything was changed; its drill then counts for nothing', () => {
    const table: [string, string | undefined][] = [
      [text, 'another key, of another checkout, as long'],
      [text, undefined],
      [change((value) => delete value.mac), KEY],
      [change((value) => Object.assign(value, { bytes: 101 })), KEY],
      [change((value) => Object.assign(value, { further: 1 })), KEY],
      [change((value) => Object.assign(value, { mac: '0'.repeat(64) })), KEY],
      [change((value) => Object.assign(value.database as object, { owner: 'evil' })), KEY],
    ];
    for (const [content, key] of table) {
      const { signed, drill } = readManifest(content, key);
      assert.deepEqual([signed, drill], [false, undefined], content);
    }
  });

  const refused: [string, (value: Record<string, unknown>) => void, RegExp][] = [
    ['a path', (v) => Object.assign(v, { file: '../../etc/passwd' }), /: file/],
    ['a file of another backup', (v) => Object.assign(v, { file: 'kg-20200101T000000Z.dump' }), /names/],
    ['text for a number', (v) => Object.assign(v, { bytes: '100' }), /: bytes/],
    ['a negative number', (v) => Object.assign(v, { bytes: -1 }), /: bytes/],
    ['a colour', (v) => Object.assign(v, { tables: { 'public.\u001b[31m': 1 } }), /: tables/],
    ['a turned direction', (v) => Object.assign(v, { revision: 'a\u202eb' }), /: revision/],
    ['a line', (v) => Object.assign(v.database as object, { owner: 'a\nb' }), /: database\.owner/],
    ['SQL', (v) => Object.assign(v.database as object, { settings: ['\\! id'] }), /: database\.settings/],
    ['SQL of roles', (v) => Object.assign(v, { roles: 'ALTER ROLE evil SUPERUSER;' }), /: roles/],
    ['no time', (v) => Object.assign(v, { createdAt: 'yesterday' }), /: createdAt/],
    ['another format', (v) => Object.assign(v, { format: 3 }), /: format/],
    [
      'a privilege of the server',
      (v) =>
        Object.assign(v.database as object, { grants: [{ role: '', privilege: 'SET', grantable: true }] }),
      /privilege/,
    ],
  ];
  for (const [name, edit, reason] of refused)
    it(`holds ${name}: refused`, () => assert.throws(() => readManifest(change(edit), KEY), reason));

  it('of the first format is read without its SQL, unsigned', () => {
    const { roles: _, drill: __, ...rest } = whole;
    const first = {
      ...rest,
      format: 1,
      schemaHash: 'd41d8cd98f00b204e9800998ecf8427e',
      drill: { at: '2026-01-03T03:04:05Z', ok: true, restoreMs: 1, problems: [] },
      roles: `CREATE ROLE postgres;\nCREATE ROLE "Some one";\nALTER ROLE "Some one" WITH SUPERUSER;\nDROP TABLE x;`,
      database: {
        ...whole.database,
        locale: null,
        settings: [
          'REVOKE ALL ON DATABASE :"database" FROM PUBLIC',
          'GRANT CONNECT ON DATABASE :"database" TO "Some one" WITH GRANT OPTION',
          `ALTER DATABASE :"database" SET work_mem TO '1MB'`,
          `ALTER ROLE evil SUPERUSER`,
          '\\! touch /tmp/x',
        ],
      },
    };
    const { signed, drill, database, roles, schemaHash } = readManifest(JSON.stringify(first), KEY);
    assert.deepEqual([signed, drill, schemaHash], [false, undefined, '']);
    assert.deepEqual(database.grants, [{ role: 'Some one', privilege: 'CONNECT', grantable: true }]);
    assert.deepEqual(database.settings, [{ role: '', name: 'work_mem', value: '1MB' }]);
    assert.deepEqual(
      roles.map(({ name }) => name),
      ['Some one'],
    );
  });
});

describe('SQL from a manifest', () => {
  it('gives a database its privileges and those settings that are allowed', () => {
    const facts = {
      ...made('2026-01-01T00:00:00Z').database,
      grants: [
        { role: '', privilege: 'CONNECT' as const, grantable: true },
        { role: 'a "b"; DROP', privilege: 'CREATE' as const, grantable: true },
      ],
      settings: [
        { role: '', name: 'statement_timeout', value: '30s' },
        { role: "o'x", name: 'search_path', value: '"$user", public, "a""b"' },
        { role: '', name: 'session_preload_libraries', value: 'evil' },
        { role: '', name: 'work_mem', value: "1MB'; DROP DATABASE x; --" },
        { role: '', name: 'log_min_duration_statement', value: '0' },
        { role: '', name: 'timezone', value: 'Europe/Vienna' },
      ],
    };
    assert.equal(
      databaseSql('my"db', facts),
      `REVOKE ALL ON DATABASE "my""db" FROM PUBLIC;
GRANT CONNECT ON DATABASE "my""db" TO PUBLIC;
GRANT CREATE ON DATABASE "my""db" TO "a ""b""; DROP" WITH GRANT OPTION;
ALTER DATABASE "my""db" SET statement_timeout TO '30s';
ALTER ROLE "o'x" IN DATABASE "my""db" SET search_path TO '$user', 'public', 'a"b';
ALTER DATABASE "my""db" SET timezone TO 'Europe/Vienna';`,
    );
    assert.deepEqual(findLeftOut({ database: facts, roles: [] }), [
      'session_preload_libraries',
      'work_mem',
      'log_min_duration_statement',
    ]);
  });

  it('makes only the roles that a server lacks, without rights over the server or over others', () => {
    const role = (name: string, memberOf: string[] = []) => ({
      ...{ name, memberOf, login: true, inherit: false, connectionLimit: -1 },
      settings: [{ name: 'work_mem', value: '1MB' }],
    });
    const roles = [
      role('app', ['pg_execute_server_program']),
      role('r', ['app', 'postgres', 'owner', 's']),
      role('s'),
      role('pg_x'),
    ];
    assert.equal(
      rolesSql(roles, ['postgres', 'app', 'owner'], 'owner'),
      `CREATE ROLE "r" LOGIN NOINHERIT CONNECTION LIMIT -1;
CREATE ROLE "s" LOGIN NOINHERIT CONNECTION LIMIT -1;
ALTER ROLE "r" SET work_mem TO '1MB';
GRANT "owner" TO "r";
GRANT "s" TO "r";
ALTER ROLE "s" SET work_mem TO '1MB';`,
    );
    assert.equal(rolesSql(roles, ['app', 'r', 's'], 'owner'), '');
  });
});

describe('what people see', () => {
  it('bars in eighths of a character', () => {
    assert.deepEqual(
      [formatBar(10, 10, 2), formatBar(5, 10, 1), formatBar(0, 10, 2), formatBar(1, 0, 2)],
      ['██', '▌', '▏', ''],
    );
  });

  it('progress with rate and time left, where the end is known', () => {
    assert.equal(formatProgress('dumping', 2 * 1024 ** 2, undefined, 1000), 'dumping  2 MiB  2 MiB/s  1.0 s');
    assert.equal(
      formatProgress('dumping', 2 * 1024 ** 2, 4 * 1024 ** 2, 1000),
      'dumping  ████████████░░░░░░░░░░░░  2 MiB of 4 MiB  2 MiB/s  1.0 s left',
    );
  });
});
