import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judgeBackups } from '../lib/backup/health-rules.ts';
import {
  backupName,
  estimateBytes,
  findCountProblems,
  findTablesMissing,
  formatBar,
  type Manifest,
  parseManifest,
  pickRoles,
} from '../lib/backup/manifest.ts';
import { isoWeek, planRetention } from '../lib/backup/retention-rules.ts';
import { findDue, scheduleFiles } from '../lib/backup/schedule-rules.ts';
import { parseRemote, readBackupSettings } from '../lib/stack/backup-settings.ts';
import { formatProgress } from '../lib/terminal/progress.ts';

const DAY = 86_400_000;

/** A backup made at a time, and perhaps drilled. */
function made(at: string, drill?: { at: string; ok: boolean }): Manifest {
  return {
    format: 1,
    name: `kg-${at}`,
    stack: 'kg',
    file: `kg-${at}.dump`,
    createdAt: at,
    durationMs: 1,
    bytes: 100,
    sha256: 'ab',
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
    roles: '',
    ...(drill ? { drill: { ...drill, restoreMs: 1, problems: drill.ok ? [] : ['broken'] } } : {}),
  };
}

describe('what pruning keeps', () => {
  const now = Date.parse('2026-03-31T12:00:00Z');
  const daily = Array.from({ length: 200 }, (_, days) => new Date(now - days * DAY).toISOString());
  const kept = (manifests: Manifest[], keep = { daily: 7, weekly: 4, monthly: 6 }) =>
    planRetention(manifests, keep)
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

  it('says why each stays', () => {
    const [first] = planRetention([made('2026-03-31T01:00:00Z')], { daily: 1, weekly: 1, monthly: 1 });
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
    root: "/srv/my app's 100%",
    node: '/usr/bin/node',
    user: 'root',
    path: '/usr/bin:/bin',
    env: { STACK_PREFIX: 'kg' },
    minute: 17,
  };

  it('a line of cron that survives spaces, quotes and percent signs', () => {
    const [file] = scheduleFiles('cron', facts);
    assert.equal(file?.path, '/etc/cron.d/kg-backup');
    assert.equal(
      file?.content.split('\n').at(-2),
      "17 * * * * root cd '/srv/my app'\\''s 100\\%' && STACK_PREFIX=kg /usr/bin/node scripts/launch.cjs scripts/backup.ts --scheduled >>/var/log/kg-backup.log 2>&1",
    );
  });

  it('a service and a timer of systemd', () => {
    const [service, timer] = scheduleFiles('systemd', facts);
    assert.equal(service?.path, '/etc/systemd/system/kg-backup.service');
    assert.match(service?.content ?? '', /^WorkingDirectory=\/srv\/my app's 100%%$/m);
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

  it('reads its own manifests and no other JSON', () => {
    const manifest = made('2026-01-02T03:04:05Z');
    assert.deepEqual(parseManifest(JSON.stringify(manifest)), manifest);
    for (const text of [
      '',
      '{',
      '{}',
      '[]',
      'null',
      JSON.stringify({ ...manifest, file: '../../etc/passwd' }),
    ]) {
      assert.equal(parseManifest(text), undefined, text);
    }
  });

  it('estimates the next from the last', () => {
    const spare = 16 * 1024 ** 2;
    assert.equal(estimateBytes(800, made('2026-01-01T00:00:00Z')) - spare, 250);
    assert.equal(estimateBytes(800, undefined) - spare, 600);
  });

  it('tells tables whose rows differ', () => {
    assert.deepEqual(findCountProblems({ a: 1, b: 2, c: 3 }, { a: 1, b: 5, d: 0 }), [
      'b has 5 rows instead of 2',
      'c is missing',
      'd is not in the manifest',
    ]);
  });

  it('finds tables that a listing lacks', () => {
    const listing =
      ';\n; Archive\n3400; 0 16386 TABLE DATA public big postgres\n12; 1259 1 TABLE public gone postgres\n';
    const tables = ['big', 'gone'].map((name) => ({ schema: 'public', name }));
    assert.deepEqual(findTablesMissing(listing, tables), ['public.gone']);
  });

  it('makes only the roles that a server lacks', () => {
    const roles = `\\restrict x
CREATE ROLE app;
ALTER ROLE app WITH LOGIN;
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER;
ALTER ROLE app SET search_path TO 'x';
GRANT reader TO app WITH INHERIT TRUE;`;
    assert.equal(pickRoles(roles, ['postgres', 'app']), '');
    assert.equal(
      pickRoles(roles, ['postgres']),
      `CREATE ROLE app;\nALTER ROLE app WITH LOGIN;\nALTER ROLE app SET search_path TO 'x';\nGRANT reader TO app WITH INHERIT TRUE;`,
    );
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
