import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findShortage } from '../lib/docker/disk.ts';
import { findBreaking, splitStatements } from '../lib/release/migration-rules.ts';
import { pruneEngineLog } from '../lib/release/prune.ts';
import { findOurCache } from '../lib/release/prune-rules.ts';
import { retireArgv, runNextArgv } from '../lib/release/replace-argv.ts';
import {
  chooseRollback,
  findDeployed,
  findInterrupted,
  type HistoryLine,
  isReleaseTag,
  listExpired,
  nameRelease,
  parseHistory,
} from '../lib/stack/release.ts';
import { readSettings } from '../lib/stack/stack.ts';

describe('migrations that the running version cannot live with', () => {
  const breaking: [sql: string, why: RegExp][] = [
    ['DROP TABLE genes;', /takes away/],
    ['drop table if exists genes cascade', /takes away/],
    ['drop view v', /takes away/],
    ['alter table genes drop column band', /drops a column/],
    ['ALTER TABLE genes\n  DROP band;', /drops a column/],
    ['alter table only genes add column x text, drop column if exists band', /drops a column/],
    ['alter table genes rename to markers', /renames/],
    ['alter table genes rename column band to cytoband', /renames/],
    ['alter table genes alter column band type varchar(10)', /type of a column/],
    ['alter table genes alter band set data type integer using 1', /type of a column/],
    ['alter table genes alter column evidence set not null', /refuses rows/],
    ['alter table genes add column x text not null', /does not fill/],
    ['alter table genes add x numeric(10, 2) not null', /does not fill/],
    ["alter table genes add constraint c check (band <> '')", /refuses rows/],
    ['create unique index on genes (name)', /refuses rows/],
    ['truncate genes', /empties/],
    ['delete from genes', /empties/],
    ['drop function gene_document(text)', /calls/],
    ['revoke select on genes from kidney_user', /right/],
  ];
  for (const [sql, why] of breaking) {
    it(`refuses ${sql.replaceAll('\n', ' ')}`, () => {
      const found = findBreaking(sql);
      assert.equal(found.length, 1, JSON.stringify(found));
      assert.match(found[0]?.why ?? '', why);
    });
  }

  const harmless = [
    'create table notes (id bigint primary key, text text not null)',
    'create table notes (id int); alter table notes add column x text not null; create unique index on notes (id)',
    'alter table genes add column note text',
    "alter table genes add column note text not null default ''",
    'alter table genes add column n numeric(10, 2) not null default 0, add column m text',
    'alter table genes alter column band drop not null, alter column band set default 1',
    'alter table genes drop constraint genes_band_check',
    'alter table genes add constraint c check (length(band) < 9) not valid',
    'create index concurrently on genes (band)',
    'create or replace function f() returns void language plpgsql as $$ begin drop table genes; truncate genes; end $$',
    "comment on table genes is 'never drop table genes'; -- drop table genes\n/* truncate genes; */",
    "delete from genes where symbol = 'X'",
    'insert into genes (symbol) values (1)',
    "create function f(x text) returns text language sql begin atomic select x; end; select 'drop table x;'",
  ];
  for (const sql of harmless) {
    it(`lets ${sql.replaceAll('\n', ' ').slice(0, 90)} pass`, () => assert.deepEqual(findBreaking(sql), []));
  }

  it('splits statements at semicolons outside texts and bodies', () => {
    assert.deepEqual(splitStatements("SELECT ';' ; -- a; b\n do $x$ begin; end $x$;"), [
      "select ''",
      "do ''",
    ]);
  });
});

/** A history in which each release was brought up in turn, with the outcome that is said. */
function historyOf(...steps: [app: string, outcome: 'done' | 'failed' | 'interrupted'][]): string {
  return steps
    .flatMap(([app, outcome], index): HistoryLine[] => {
      const id = String(index);
      const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, index, 0, seconds)).toISOString();
      const to = { app, database: 'd' };
      const began = {
        event: 'began',
        id,
        at: at(0),
        who: 'ann',
        command: 'make prod-update',
        from: null,
        to,
      } as const;
      return outcome === 'interrupted' ? [began] : [began, { event: 'ended', id, at: at(30), outcome }];
    })
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
}

describe('the history', () => {
  it('knows what is deployed: what was brought up last to its end', () => {
    assert.equal(findDeployed([]), undefined);
    const history = parseHistory(historyOf(['one', 'done'], ['two', 'done'], ['three', 'failed']));
    assert.equal(findDeployed(history)?.app, 'two');
    assert.deepEqual(
      history.map(({ outcome, seconds }) => [outcome, seconds]),
      [
        ['done', 30],
        ['done', 30],
        ['failed', 30],
      ],
    );
  });

  it('knows a change that was killed, until something was done since', () => {
    const killed = historyOf(['one', 'done'], ['two', 'interrupted']);
    assert.equal(findInterrupted(parseHistory(killed))?.to.app, 'two');
    assert.equal(
      findInterrupted(parseHistory(historyOf(['one', 'interrupted'], ['two', 'done']))),
      undefined,
    );
  });

  it('is a file that anybody may have written to: garbage is passed over, and nothing in it moves a terminal', () => {
    const good = historyOf(['one', 'done']);
    const evil = (change: object) =>
      JSON.stringify({ ...(JSON.parse(good.split('\n')[0] ?? '') as object), id: '7', ...change });
    const lines = [
      ...[
        '',
        '42',
        'null',
        '[]',
        '"text"',
        '{}',
        '{"event":"began"}',
        '\u0000\u0001',
        '{"event":"ended","id":"0"}',
      ],
      evil({ to: { app: '--privileged', database: 'd' } }),
      evil({ to: { app: 'a:b', database: 'd' } }),
      evil({ to: { app: ['x'], database: 'd' } }),
      evil({ at: 'yesterday' }),
      evil({ at: 7 }),
    ];
    assert.deepEqual(parseHistory(`${lines.join('\n')}\n${good}`), parseHistory(good));
    for (const field of [{ who: '\u001b[2Jann' }, { who: 'ann\u202e' }, { command: 'make\nprod-update' }]) {
      assert.deepEqual(parseHistory(evil(field)), []);
    }
    const kept = { app: 'x', database: 'y', backend: 'z' };
    assert.deepEqual(parseHistory(evil({ to: kept }))[0]?.to, kept);
    assert.deepEqual(parseHistory(evil({ to: { ...kept, backend: '../z' } })), []);
  });

  it('bears a last line that was cut off', () => {
    const text = `${historyOf(['one', 'done'])}{"event":"began","id":"9","at":"2026`;
    assert.equal(findDeployed(parseHistory(text))?.app, 'one');
  });
});

describe('the way back', () => {
  const history = parseHistory(
    historyOf(['1-aaa', 'done'], ['1-abb', 'done'], ['2-bad', 'failed'], ['2-ccc', 'done']),
  );
  const there = ['2-ccc', '1-abb', '1-aaa', '2-bad'];
  const cases: [wanted: string | undefined, there: string[], found: object][] = [
    [undefined, there, { release: '1-abb' }],
    [undefined, ['2-ccc', '1-aaa'], { release: '1-aaa' }],
    [undefined, ['2-ccc'], { problem: 'There is no earlier release on this host' }],
    ['aaa', there, { release: '1-aaa' }],
    ['1-a', there, { problem: '1-a fits 2 releases: 1-abb, 1-aaa' }],
    ['ccc', there, { problem: '2-ccc is what runs' }],
    ['bad', there, { problem: 'No release on this host fits bad' }],
  ];
  for (const [wanted, images, found] of cases) {
    it(`to ${wanted ?? 'the one before'} with ${images.length} on the host: ${Object.values(found)}`, () =>
      assert.deepEqual(chooseRollback(history, images, { wanted }), found));
  }

  it('goes to what was deployed when an update has replaced one half, and to that alone', () => {
    const broken = parseHistory(historyOf(['1-aaa', 'done'], ['2-ccc', 'done'], ['3-new', 'failed']));
    const images = ['3-new', '2-ccc', '1-aaa'];
    assert.deepEqual(chooseRollback(broken, images, { halfWay: true }), { release: '2-ccc' });
    assert.deepEqual(chooseRollback(broken, images, { halfWay: true, wanted: 'ccc' }), { release: '2-ccc' });
    assert.deepEqual(chooseRollback(broken, images), { release: '1-aaa' });
  });

  it('carries on where it was killed', () => {
    const killed = parseHistory(historyOf(['1-aaa', 'done'], ['2-ccc', 'done'], ['1-aaa', 'interrupted']));
    for (const one of killed.slice(-1)) one.command = 'make prod-rollback';
    const images = ['2-ccc', '1-aaa'];
    assert.deepEqual(chooseRollback(killed, images, { halfWay: true }), { release: '1-aaa' });
    assert.deepEqual(chooseRollback(killed, ['2-ccc'], { halfWay: true }), {
      problem: 'There is no earlier release on this host',
    });
  });
});

describe('releases', () => {
  it('are named by version, revision and content', () => {
    const labels = {
      'org.opencontainers.image.version': '1.2.0',
      'org.opencontainers.image.revision': 'abcdef012345',
    };
    assert.equal(nameRelease(labels, '0123456789'), '1.2.0-abcdef012345-012345');
    assert.equal(nameRelease({}, 'fedcba98'), '0.0.0-unknown-fedcba');
  });

  for (const [tag, is] of [
    ['1.2.0-abcdef012345-012345', true],
    ['1.2.0-abcdef012345-dirty-012345', true],
    ['1.2.0-abcdef012345', false],
    ['1.2.0-unknown', false],
    ['latest', false],
  ] as const) {
    it(`${tag} is ${is ? 'one' : 'none'}`, () => assert.equal(isReleaseTag(tag), is));
  }

  it('expire beyond the last five that were deployed, unless they are in use', () => {
    const deployed = ['g', 'f', 'e', 'd', 'c', 'b', 'a'];
    assert.deepEqual(listExpired([...deployed, 'never'], deployed, ['a']), ['b', 'never']);
    assert.deepEqual(listExpired(['a'], [], []), ['a']);
  });
});

describe('the next container', () => {
  const settings = readSettings({ STACK_PREFIX: 'x', NPM_NETWORK: 'shared' }, '/srv/kit');

  it('starts without the names that proxies ask for', () => {
    const argv = runNextArgv(settings, 'kidney-genetics-backend-service');
    assert.deepEqual(argv.slice(argv.indexOf('run')), [
      ...['run', '-d', '--no-deps', '--name', 'x-backend-next', 'kidney-genetics-backend-service'],
    ]);
  });

  it('retires the former one in a process of its own, and has another one hold its address', () => {
    const former = { id: 'abc; reboot', image: 'x-frontend:1' };
    const argv = retireArgv(settings, 'kidney-genetics-frontend-service', former);
    assert.deepEqual(argv.slice(0, 4), ['setsid', '--fork', 'sh', '-c']);
    assert.doesNotMatch(argv[4] ?? '', /reboot/);
    assert.deepEqual(argv.slice(5, 8), [
      'abc; reboot',
      '{{(index .NetworkSettings.Networks "shared").IPAddress}}',
      'x-frontend-address',
    ]);
    assert.deepEqual(argv.slice(-4), ['--entrypoint', 'sleep', 'x-frontend:1', '12']);
    const api = retireArgv(settings, 'kidney-genetics-backend-service', former);
    assert.match(api[6] ?? '', /"x-api"/);
    assert.deepEqual(api.slice(-3), ['x-frontend:1', '-e', 'setTimeout(() => {}, 4500)']);
  });
});

describe('the build cache', () => {
  it('is ours to remove where a step of our Dockerfiles, or one after it, made it, and nothing uses it any more', () => {
    const record = (id: string, description: string, reclaimable = true, more = '') =>
      `ID:\t\t${id}\n${more}Reclaimable:\t${reclaimable}\nDescription:\t${description}\n`;
    const listing = [
      record('seven', 'mount / from exec /bin/sh -c chmod -R a+rX', true, 'Parents:\tzero, six\n'),
      record('one', '[builder 8/9] COPY backend backend'),
      record('two', '[build 2/3] RUN npm ci'),
      record('three', 'mount / from exec /bin/sh -c npm run build -w frontend'),
      record('four', '[rootfs 1/2] COPY deploy/nginx /rootfs/etc/nginx', false),
      record('five', 'local source for context'),
      record('six', 'mount / from exec /bin/sh -c ! node /app/server.js', true, 'Parent:\tone\n'),
      record('eight', '[stage-2 2/2] COPY --from=rootfs /rootfs /', true, 'Shared:\ttrue\n'),
    ].join('\n');
    assert.deepEqual(findOurCache(listing), ['seven', 'one', 'three', 'six']);
  });
});

describe("the engine's log", () => {
  it('keeps its last lines, whole, and goes on at their end', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'engine-log-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'dockerd.log');
    const engine = openSync(path, 'a');
    t.after(() => closeSync(engine));
    for (let line = 0; line < 120_000; line += 1000) {
      const lines = Array.from({ length: 1000 }, (_, index) => `line ${line + index} ${'.'.repeat(90)}\n`);
      writeSync(engine, lines.join(''));
    }
    const before = statSync(path).size;
    const freed = pruneEngineLog(path);
    writeSync(engine, 'after\n');
    const text = readFileSync(path, 'utf8');
    assert.equal(Math.round(before - freed - 1024 ** 2), 0);
    assert.match(text, /^line \d+ \.{90}\n/);
    assert.ok(text.endsWith(`line 119999 ${'.'.repeat(90)}\nafter\n`));
    assert.equal(pruneEngineLog(path), 0, 'a short one is left alone');
  });
});

describe('a disk', () => {
  const GB = 1024 ** 3;
  const disks: [
    free: number,
    size: number,
    inodes: [free: number, all: number],
    short: string | undefined,
  ][] = [
    [2 * GB, 10 * GB, [90, 100], undefined],
    [2 * GB - 1, 10 * GB, [90, 100], 'bytes'],
    [15 * GB, 100 * GB, [15, 100], undefined],
    [14.9 * GB, 100 * GB, [15, 100], 'bytes'],
    [15 * GB, 100 * GB, [14, 100], 'inodes'],
    [15 * GB, 100 * GB, [0, 0], undefined],
    [0, 0, [0, 0], 'bytes'],
  ];
  for (const [free, size, [freeInodes, inodes], short] of disks) {
    it(`with ${free} of ${size} bytes and ${freeInodes} of ${inodes} inodes free is short of ${short}`, () =>
      assert.equal(findShortage({ free, size, freeInodes, inodes, device: 1 }), short));
  }
});
