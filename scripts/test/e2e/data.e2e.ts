import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { formatGeneRow, formatHeader } from '../../../backend/src/genes/table.ts';
import { generateGene } from '../../lib/app/generated-genes.ts';
import { TestStack } from './harness.ts';

const rows = 50_000;

function generateGenes(): string {
  const lines = Array.from({ length: rows }, (_, index) => formatGeneRow(generateGene(index), 'csv'));
  return formatHeader('csv') + lines.join('');
}

describe('data-import and data-export', { timeout: 600_000 }, () => {
  let stack: TestStack;
  let shipped: string;
  const at = (name: string) => join(stack.tmp, name);
  const fingerprint = () =>
    stack.sql(
      `select md5(string_agg(g::text, '|' order by hgnc_id)), (select seq from data_state) from genes g`,
    );
  const importCounts = async (...args: string[]) =>
    JSON.parse(
      (await stack.mustScript('data-import', ['--json', ...args])).trim().split('\n').at(-1) ?? '',
    ) as Record<string, number>;

  before(async () => {
    stack = await TestStack.create('data');
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
    shipped = await fingerprint();
  });
  after(() => stack?.dispose());

  it('export then import is the identity, as CSV and as TSV', async () => {
    for (const name of ['genes.csv', 'genes.tsv']) {
      assert.match(await stack.mustScript('data-export', [at(name)]), /\d+ rows/);
      const counts = await importCounts('--replace', at(name));
      assert.deepEqual(counts, { added: 0, changed: 0, unchanged: counts.unchanged, removed: 0 });
      assert.equal(await fingerprint(), shipped);
    }
    // Into an empty database as well: what comes out is the same file.
    await stack.sql('delete from genes');
    const { added } = await importCounts(at('genes.tsv'));
    await stack.mustScript('data-export', [at('again.csv')]);
    assert.equal(readFileSync(at('again.csv'), 'utf8'), readFileSync(at('genes.csv'), 'utf8'));
    assert.equal(added, Number(await stack.sql('select count(*) from genes')));
  });

  it('loads 50,000 rows, says how far it is, and the search finds them', async () => {
    const genes = generateGenes();
    // All or nothing: what only the database knows is wrong with the last of them.
    const stranger = formatGeneRow({ ...generateGene(rows), diseaseGroup: 'no-such-group' }, 'csv');
    writeFileSync(at('many.csv'), genes + stranger);
    const before = await fingerprint();
    const refused = await stack.script('data-import', [at('many.csv')]);
    assert.match(
      refused.stderr,
      /:50002 column diseaseGroup: .*\n.*1 of 50001 rows are bad: nothing was changed/s,
    );
    assert.equal(await fingerprint(), before);
    writeFileSync(at('many.csv'), genes);
    const said = await stack.mustScript('data-import', [at('many.csv')]);
    assert.match(said, /Read 50000 rows, all good/);
    assert.match(said, /Imported: 50000 added, 0 changed, 0 unchanged, 0 removed/);
    assert.equal(await stack.sql(`select count(*) from genes where symbol like 'GEN%'`), String(rows));
    const answer = await stack.nodeOn(
      stack.settings.network,
      `const response = await fetch('http://${stack.name('backend')}:8000/api/v1/genes?q=alias49999');
       const { items } = await response.json();
       console.log(items[0].symbol, items[0].aliases.join());`,
    );
    assert.equal(answer.stdout.trim(), 'GEN49999 ALIAS-49999,=49999', answer.stderr);
    const again = await importCounts(at('many.csv'));
    assert.deepEqual([again.added, again.changed, again.unchanged], [0, 0, rows]);
  });

  it('writes 50,000 rows back as they were', async () => {
    await stack.mustScript('data-export', [at('back.csv')]);
    const back = readFileSync(at('back.csv'), 'utf8').split('\r\n');
    assert.ok(back.length > rows);
    const generated = new Set(generateGenes().split('\r\n'));
    assert.equal(back.filter((line) => line.startsWith('GEN') && generated.has(line)).length, rows);
  });

  it('changes nothing in a dry run, and nothing when one row of all is bad', async () => {
    const before = await fingerprint();
    const head = 'symbol,hgncId,name,chromosome,diseaseGroup';
    const row = (index: number, group = 'cystic') =>
      `NEW${index},HGNC:${2_000_000 + index},new gene,1,${group}`;
    writeFileSync(at('few.csv'), [head, row(1), row(2), 'GEN1,HGNC:1000001,changed,1,cystic'].join('\n'));
    assert.deepEqual(await importCounts('--dry-run', at('few.csv')), {
      added: 2,
      changed: 1,
      unchanged: 0,
      removed: 0,
    });
    assert.equal(await fingerprint(), before);

    writeFileSync(at('bad.csv'), [head, row(1), row(2).replace(',1,', ',99,'), row(3), 'x'].join('\n'));
    const bad = await stack.script('data-import', [at('bad.csv')]);
    assert.equal(bad.exitCode, 1);
    assert.match(bad.stderr, /bad\.csv:3 column chromosome: "99" must be one of 1, 2/);
    assert.match(bad.stderr, /bad\.csv:5 has 1 cells, not 5/);
    assert.match(bad.stderr, /2 of 4 rows are bad: nothing was changed\n.*DRY_RUN=1/);

    // What only the database knows.
    writeFileSync(
      at('unknown.csv'),
      [head, row(1), row(2, 'no-such-group'), 'PKD1,HGNC:2000009,x,1,cystic'].join('\n'),
    );
    const unknown = await stack.script('data-import', [at('unknown.csv')]);
    assert.equal(unknown.exitCode, 1);
    assert.match(
      unknown.stderr,
      /:3 column diseaseGroup: "no-such-group" is no disease group; there are: cakut, /,
    );
    assert.match(unknown.stderr, /:4 column symbol: "PKD1" is the symbol of HGNC:9008/);
    assert.equal(await fingerprint(), before);
  });

  it('replaces a list, and lets genes take each other’s symbols', async () => {
    const head = 'symbol,hgncId,name,chromosome,diseaseGroup';
    const list = (one: string, other: string) =>
      [head, `${one},HGNC:1000001,x,1,cystic`, `${other},HGNC:1000002,y,1,cystic`].join('\n');
    writeFileSync(at('two.csv'), list('GEN1', 'GEN2'));
    const unasked = await stack.script('data-import', ['--replace', at('two.csv')]);
    assert.equal(unasked.exitCode, 2);
    assert.match(unasked.stderr, /Nobody is there to ask/);
    const counts = await importCounts('--replace', '--yes', at('two.csv'));
    assert.equal(readdirSync(join(stack.tmp, 'backups')).filter((name) => name.endsWith('.dump')).length, 1);
    assert.deepEqual([counts.added, counts.changed], [0, 2]);
    assert.ok((counts.removed ?? 0) >= rows - 2);
    writeFileSync(at('swapped.csv'), list('GEN2', 'GEN1'));
    await importCounts(at('swapped.csv'));
    assert.equal(
      await stack.sql(`select string_agg(hgnc_id || ' ' || symbol, ', ' order by hgnc_id) from genes`),
      'HGNC:1000001 GEN2, HGNC:1000002 GEN1',
    );
  });

  it('tells all that is wrong in one round, lists the groups, and adds new ones when told', async () => {
    const head = 'symbol,hgncId,name,chromosome,band,diseaseGroup';
    const rows = [
      'N1,HGNC:3000001,x,5,4q25,cystic',
      'N2,HGNC:3000002,x,99,,cystic',
      'N3,HGNC:3000003,x,1,,Rare Things',
    ];
    writeFileSync(at('bad.csv'), [head, ...rows].join('\n'));
    const { stderr } = await stack.script('data-import', [at('bad.csv')]);
    assert.match(stderr, /:2 column band: "4q25" is not on chromosome 5/);
    assert.match(stderr, /:3 column chromosome: "99" must be one of/);
    assert.match(
      stderr,
      /:4 column diseaseGroup: "rare-things" is no disease group; there are: .*\bcystic\b/,
    );
    assert.match(stderr, /3 of 3 rows are bad/);
    writeFileSync(at('group.csv'), [head, rows[2]].join('\n'));
    assert.equal((await importCounts('--new-groups', at('group.csv'))).added, 1);
    assert.equal(
      await stack.sql(`select name from disease_groups where slug = 'rare-things'`),
      'Rare things',
    );
    writeFileSync(at('list.xlsx'), 'PK');
    assert.match(
      (await stack.script('data-import', [at('list.xlsx')])).stderr,
      /is a spreadsheet.*\n.*CSV UTF-8/,
    );
    assert.equal((await stack.script('data-export', [at('out.xlsx')])).exitCode, 2);
  });

  it('says what to do when it cannot work', async () => {
    const missing = await stack.script('data-import', [at('nothing-there.csv')]);
    assert.equal(missing.exitCode, 2);
    assert.match(missing.stderr, /Cannot read .*ENOENT/);
    writeFileSync(at('latin1.csv'), Buffer.from('symbol,hgncId\nB\xfc,HGNC:1\n', 'latin1'));
    assert.match((await stack.script('data-import', [at('latin1.csv')])).stderr, /is not UTF-8\n.*iconv/);
    assert.equal((await stack.script('data-export')).exitCode, 2);
    await stack.mustScript('down');
    const down = await stack.script('data-export', [at('x.csv')]);
    assert.equal(down.exitCode, 3);
    assert.match(down.stderr, /is not up\n.*make prod-up/);
  });
});
