import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Contents,
  describePlan,
  keepSame,
  nameParts,
  planUpdate,
  type UpdateFacts,
} from '../lib/release/update-plan.ts';
import { type Release, tagOf } from '../lib/stack/release.ts';

const from: Release = { app: '1-old', database: 'd1' };
const contents: Contents = { backend: 'b', frontend: 'f', postgres: 'p' };

describe('what goes on in a release', () => {
  const cases: [what: string, contents: Contents, current: Release, to: Release][] = [
    ['all is new', { backend: 'B', frontend: 'F', postgres: 'P' }, from, { app: '2-new', database: 'd2' }],
    [
      'the page alone',
      { ...contents, frontend: 'F' },
      from,
      { app: '2-new', database: 'd1', backend: '1-old' },
    ],
    [
      'the API alone',
      { ...contents, backend: 'B' },
      from,
      { app: '2-new', database: 'd1', frontend: '1-old' },
    ],
    ['nothing', contents, from, from],
    ['the database alone', { ...contents, postgres: 'P' }, from, { app: '1-old', database: 'd2' }],
    [
      'the page once more',
      { ...contents, frontend: 'F' },
      { app: '1-mid', database: 'd1', backend: '1-old' },
      { app: '2-new', database: 'd1', backend: '1-old' },
    ],
    [
      'the API, while the page is of the release before',
      { ...contents, backend: 'B' },
      { app: '1-mid', database: 'd1', frontend: '1-old' },
      { app: '2-new', database: 'd1', frontend: '1-old' },
    ],
  ];
  for (const [what, wanted, current, to] of cases) {
    it(`${what} has changed`, () =>
      assert.deepEqual(keepSame({ app: '2-new', database: 'd2' }, wanted, current, contents), to));
  }

  it('is not what an image holds that is gone', () => {
    const gone = keepSame({ app: '2-new', database: 'd2' }, {}, from, {});
    assert.deepEqual(gone, { app: '2-new', database: 'd2' });
  });

  it('is told by the tag of each part', () => {
    const release = { app: '2-new', database: 'd1', backend: '1-old' };
    assert.deepEqual(
      (['backend', 'frontend', 'postgres'] as const).map((part) => tagOf(release, part)),
      ['1-old', '2-new', 'd1'],
    );
  });

  it('is named by contents: labels alone make no other digest', () => {
    const image = (content: string, revision: string) => ({
      content,
      labels: { 'org.opencontainers.image.version': '1.0', 'org.opencontainers.image.revision': revision },
    });
    const build = (revision: string) =>
      nameParts({
        backend: image('b', revision),
        frontend: image('f', revision),
        postgres: image('p', revision),
      });
    const [one, other] = [build('aaa').app, build('bbb').app];
    assert.equal(one.split('-')[2], other.split('-')[2]);
    assert.match(one, /^1\.0-aaa-[0-9a-f]{6}$/);
  });
});

describe('the plan of an update', () => {
  const facts: UpdateFacts = {
    from,
    built: { app: '2-new', database: 'd1', backend: '1-old' },
    outdated: ['frontend'],
    migrations: [],
    majors: { running: '17', built: '17' },
    withDatabase: false,
    allowBreaking: false,
    noBackup: false,
  };
  const breaking = [{ name: '9.sql', breaking: [{ statement: 'drop table x', why: 'takes away' }] }];

  it('replaces what is outdated and makes no backup for a page alone', () => {
    const plan = planUpdate(facts);
    assert.deepEqual(plan, {
      ...{ to: facts.built, database: 'stays', replaced: ['frontend'], backup: false, migrations: [] },
    });
    assert.deepEqual(describePlan(from, plan), [
      'From 1-old to 2-new',
      '  backup    none',
      '  database  stays',
      '  backend   stays as it is (1-old)',
      '  frontend  is replaced without a gap (2-new)',
    ]);
  });

  const both: UpdateFacts = {
    ...facts,
    built: { app: '2-new', database: 'd2' },
    outdated: ['postgres', 'backend', 'frontend'],
  };
  const cases: [what: string, facts: UpdateFacts, wanted: object][] = [
    [
      'offers a new database',
      both,
      { database: 'is offered', to: { app: '2-new', database: 'd1' }, backup: true },
    ],
    ['replaces it when told', { ...both, withDatabase: true }, { database: 'is replaced', to: both.built }],
    ['makes no backup when told', { ...both, noBackup: true }, { backup: false }],
    [
      'replaces the database for a changed setting',
      { ...facts, outdated: ['postgres'], withDatabase: true },
      { database: 'is replaced', backup: true },
    ],
    [
      'leaves it otherwise',
      { ...facts, outdated: ['postgres'] },
      { database: 'stays', replaced: [], backup: false },
    ],
  ];
  for (const [what, given, wanted] of cases) {
    it(what, () => assert.deepEqual({ ...planUpdate(given), ...wanted }, planUpdate(given)));
  }

  const refused: [what: string, facts: UpdateFacts, cause: RegExp | undefined][] = [
    [
      'another major version',
      { ...both, withDatabase: true, majors: { running: '16', built: '17' } },
      /is PostgreSQL 17, and the data are those of 16/,
    ],
    ['not one that is only offered', { ...both, majors: { running: '16', built: '17' } }, undefined],
    ['a migration that breaks', { ...facts, migrations: breaking }, /9\.sql: "drop table x" takes away/],
    ['not when it is allowed', { ...facts, migrations: breaking, allowBreaking: true }, undefined],
  ];
  for (const [what, given, cause] of refused) {
    it(`refuses ${what}`, () => {
      const { refusal } = planUpdate(given);
      if (cause) assert.match(refusal?.cause ?? '', cause);
      else assert.equal(refusal, undefined);
    });
  }
});
