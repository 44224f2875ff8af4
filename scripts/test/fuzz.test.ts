import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { databaseSql, findLeftOut, rolesSql } from '../lib/backup/database-settings-rules.ts';
import { type Manifest, readManifest, writeManifest } from '../lib/backup/manifest.ts';
import { DescribedError } from '../lib/process/errors.ts';
import { parseHolder } from '../lib/process/lock.ts';
import { parseUpgrade, readUpgrade, statePath } from '../lib/release/upgrade-state.ts';
import { readRotation } from '../lib/secrets/rotation-rules.ts';
import { findEnvProblems } from '../lib/stack/env-rules.ts';
import { readEnvText } from '../lib/stack/env-text-rules.ts';
import { findDeployed, parseHistory } from '../lib/stack/release.ts';
import { parseScan } from '../lib/verify/gather/scan.ts';
import { assertRefusal, bent, bentText, hostileText, RUNS } from './arbitraries.ts';

const KEY = 'a key of the fuzz tests, long enough';

const MANIFEST: Manifest = {
  name: 'kg-20260102T030405Z',
  stack: 'kg',
  file: 'kg-20260102T030405Z.dump',
  createdAt: '2026-01-02T03:04:05.000Z',
  durationMs: 12,
  bytes: 100,
  sha256: 'ab'.repeat(32),
  recipients: ['age1qqqqqqqq'],
  server: { version: '17.1', versionNum: 170001, image: 'kg-postgres:latest' },
  revision: 'abc',
  database: {
    ...{ name: 'db', owner: 'me', bytes: 400, encoding: 'UTF8', collate: 'C', ctype: 'C' },
    grants: [{ role: 'r', privilege: 'CONNECT', grantable: true }],
    settings: [{ role: 'r', name: 'search_path', value: 'public' }],
  },
  schemaVersion: '003',
  schemaHash: 'ab',
  tables: { 'public.genes': 241 },
  roles: [
    {
      ...{ name: 'r', login: true, inherit: true, connectionLimit: -1, memberOf: ['me'] },
      settings: [{ name: 'work_mem', value: '1MB' }],
    },
  ],
  drill: { at: '2026-01-02T03:04:05.000Z', ok: true, restoreMs: 1, problems: [] },
  signed: true,
};

/** What may be left of SQL from a manifest when its quoted names and values are taken out. */
const STATEMENTS =
  /^((REVOKE ALL ON DATABASE N FROM PUBLIC|GRANT (CONNECT|CREATE|TEMPORARY) ON DATABASE N TO (N|PUBLIC)( WITH GRANT OPTION)?|ALTER (DATABASE N|ROLE N( IN DATABASE N)?) SET [a-z_.]+ TO V(, V)*|CREATE ROLE N (NO)?LOGIN (NO)?INHERIT CONNECTION LIMIT -?\d+|GRANT N TO N);\n?)*$/i;

function unquoted(sql: string): string {
  // In one pass: a name may hold a quote of the other kind.
  return sql.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"/g, (quoted) => (quoted.startsWith("'") ? 'V' : 'N'));
}

describe('whatever a file says', () => {
  const first = {
    ...MANIFEST,
    format: 1,
    roles: 'CREATE ROLE r;',
    database: { ...MANIFEST.database, settings: [`ALTER DATABASE :"database" SET work_mem TO '1MB'`] },
  };
  for (const [name, good] of [
    ['a manifest', { ...MANIFEST, format: 2 }],
    ['a manifest of the first format', first],
  ] as const) {
    it(`${name} is refused with a reason, or unsigned, harmless to print and to build SQL from`, () => {
      fc.assert(
        fc.property(bent(good), (value) => {
          let manifest: Manifest;
          try {
            manifest = readManifest(JSON.stringify(value), KEY);
          } catch (error) {
            assert.ok(error instanceof Error && error.message.length > 0);
            return;
          }
          assert.equal(manifest.signed, false);
          assert.equal(manifest.drill, undefined);
          assert.doesNotMatch(JSON.stringify(manifest), /\p{C}/u);
          assert.match(manifest.file, /^\w[\w.-]*$/);
          const sql = [
            databaseSql('t', manifest.database),
            rolesSql(manifest.roles, [], manifest.database.owner),
          ];
          for (const one of sql) assert.match(unquoted(one), STATEMENTS);
          findLeftOut(manifest);
        }),
        RUNS,
      );
    });
  }

  it('a signed manifest with one character changed is not signed any more', () => {
    const text = writeManifest(MANIFEST, KEY);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, to) => {
        const changed = text.slice(0, at) + to + text.slice(at + 1);
        try {
          const read = readManifest(changed, KEY);
          // Blanks between the fields say nothing.
          if (read.signed) assert.deepEqual(JSON.parse(changed), JSON.parse(text));
        } catch (error) {
          assert.ok(error instanceof Error && !(error instanceof assert.AssertionError), String(error));
        }
      }),
      RUNS,
    );
  });

  it('text that is no manifest at all is refused with a reason', () => {
    fc.assert(
      fc.property(hostileText, (text) => assert.throws(() => readManifest(text, KEY), Error)),
      RUNS,
    );
  });

  it('an env file gives values or problems by key', () => {
    const good =
      'POSTGRES_DB=kidney\nPOSTGRES_USER=me\nexport A = b\nDATABASE_URL=postgresql://me:$\u007bPOSTGRES_PASSWORD}@h/kidney\nBACKUP_KEY="x"\n';
    fc.assert(
      fc.property(bentText(good), (text) => {
        const { values, problems } = readEnvText(text);

        for (const { key, problem } of [...problems, ...findEnvProblems(values)]) assert.ok(key && problem);
        assert.equal(Object.getPrototypeOf({}).POSTGRES_DB, undefined);
      }),
      RUNS,
    );
  });

  for (const url of ['postgresql://a:%zz@h/x', 'postgresql://a@h/%ff', '%', 'http://[::1', ''])
    it(`an env file whose DATABASE_URL is ${url || 'empty'} has a problem`, () => {
      const problems = findEnvProblems({ DATABASE_URL: url });
      assert.ok(problems.some(({ key }) => key === 'DATABASE_URL'));
    });

  it('a history gives whole entries alone', () => {
    const release = { app: '1.0.0-abc-123456', database: '1.0.0-abc-123456' };
    const began = {
      event: 'began',
      id: 'a',
      at: MANIFEST.createdAt,
      who: 'me',
      command: 'make prod-up',
      from: null,
      to: release,
    };
    const ended = { event: 'ended', id: 'a', at: MANIFEST.createdAt, outcome: 'done' };
    const lines = fc.array(fc.oneof(bent(began), bent(ended), fc.constant(began), fc.constant(ended)), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(lines, hostileText, (all, between) => {
        const history = parseHistory(all.map((line) => JSON.stringify(line)).join(`\n${between}\n`));
        for (const one of history) {
          assert.doesNotMatch(JSON.stringify(one), /\p{C}/u);
          assert.match(one.to.app, /^[\w.+-]+$/);
          assert.ok(one.seconds === null || one.seconds >= 0);
        }
        findDeployed(history);
      }),
      RUNS,
    );
  });

  it('the file of a rotation that was interrupted is read as a whole or refused', () => {
    const secret = 's'.repeat(43);
    const good = {
      before: { postgresPassword: secret, secretKey: secret },
      now: { postgresPassword: secret, secretKey: secret },
      temporaryPassword: secret,
    };
    assert.deepEqual(readRotation(JSON.stringify(good)), good);
    fc.assert(
      fc.property(fc.oneof(bent(good).map(toJson), bentText(JSON.stringify(good, null, 1))), (text) => {
        const read = assertRefusal(() => readRotation(text));
        if (!read) return;
        for (const one of [read.now.postgresPassword, read.now.secretKey, read.temporaryPassword])
          assert.match(one, /^[\w-]{43}$/);
        // They go into files and a URL.
        assert.doesNotMatch(Object.values(read.before).join(''), /\p{C}/u);
      }),
      RUNS,
    );
  });

  const upgrade = {
    step: 'kept',
    from: { app: '1.0.0-abc-123456', database: '1.0.0-abc-123456' },
    to: { app: '1.0.0-abc-123456', database: '1.0.0-abd-123457', backend: '1.0.0-abc-123456' },
    kept: 'kg-postgres-data-17',
    file: 'kg-20260102T030405Z.dump',
  };

  it('the file of an upgrade names a volume and a dump, or is refused', () => {
    assert.deepEqual(parseUpgrade(JSON.stringify(upgrade)), upgrade);
    fc.assert(
      fc.property(fc.oneof(bent(upgrade).map(toJson), bentText(JSON.stringify(upgrade, null, 1))), (text) => {
        const read = assertRefusal(() => parseUpgrade(text));
        if (!read) return;
        // They become words of docker's command line, and a file of the folder of backups.
        for (const one of [read.kept, read.from.app, read.to.database]) assert.match(one, /^\w[\w.+-]*$/);
        assert.match(read.file, /^(\w[\w.-]*)?$/);
      }),
      RUNS,
    );
  });

  it('the file of an upgrade that is none is told in a sentence, and stays', (t) => {
    const prefix = `kgt-fuzz-${process.pid}`;
    const path = statePath(prefix, 'database-upgrade');
    mkdirSync(dirname(path), { recursive: true });
    t.after(() => rmSync(dirname(path), { recursive: true, force: true }));
    for (const kept of ['--force', '-f', '../x', 'a b', '', 7, null, '\u001b[2J']) {
      writeFileSync(path, JSON.stringify({ ...upgrade, kept }));
      assert.throws(
        () => readUpgrade(prefix, 'database-upgrade'),
        (error) =>
          error instanceof DescribedError && /tells of no upgrade: kept is no text/.test(error.message),
      );
    }
    assert.equal(readUpgrade(prefix, 'database-upgraded'), undefined);
  });

  it('what a scan left is read as a whole, or as none', () => {
    const good = {
      ...{ at: MANIFEST.createdAt, imageIds: ['sha256:a'], high: ['CVE-1 in x'], method: 'npm audit' },
      ...{ complete: true, components: { 'sha256:a': 7 } },
    };
    assert.deepEqual(parseScan(JSON.stringify(good)), good);
    fc.assert(
      fc.property(fc.oneof(bent(good).map(toJson), bentText(JSON.stringify(good, null, 1))), (text) => {
        const read = assertRefusal(() => parseScan(text));
        assert.doesNotMatch(JSON.stringify(read ?? {}), /\p{C}/u);
      }),
      RUNS,
    );
  });

  it('a lock’s file names its holder in two short lines that may be shown', () => {
    const good = 'make prod-update (pid 12, root)\n2026-01-02T03:04:05.000Z\n';
    fc.assert(
      fc.property(bentText(good), (text) => {
        const { command, since } = parseHolder(text);
        assert.ok(command.length > 0 && command.length <= 120 * 2 && since.length <= 40 * 2);
        assert.doesNotMatch(command + since, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
      RUNS,
    );
  });

  it('is read in a moment, however long it is', () => {
    for (const filler of [
      ' ',
      '\t',
      '"',
      "'",
      '#',
      '=',
      '$\u007b',
      '{',
      '\\',
      '\u001b[',
      'a',
      '|',
      ',',
      '\n',
    ])
      for (const text of [
        `A=b${filler.repeat(100_000)}c`,
        filler.repeat(100_000),
        `A="${filler.repeat(100_000)}c`,
      ]) {
        const startedAt = process.cpuUsage();
        readEnvText(text);
        parseHolder(text);
        parseHistory(text);
        // A second of the processor's time for what takes milliseconds: what grows with the square of the length takes many.
        assert.ok(process.cpuUsage(startedAt).user < 1e6, `${JSON.stringify(text.slice(0, 8))}…`);
      }
  });
});

const toJson = (value: unknown) => JSON.stringify(value) ?? '';
