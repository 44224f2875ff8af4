import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../../lib/process/root.ts';
import { mustRun, run } from '../../lib/process/shell.ts';
import { readEnvText } from '../../lib/stack/env-text-rules.ts';
import { formatDuration } from '../../lib/terminal/report.ts';
import { backupFolder, newest } from '../e2e/backup-support.ts';
import { editGene } from '../e2e/edits.ts';
import { TEST_PREFIX, TestStack } from '../e2e/harness.ts';
import { findShellBlocks } from '../shell-blocks.ts';

/**
 * The host is gone: the commands of docs/operations/disaster-recovery.md, as they are written there, in a fresh clone of the
 * last commit. Only names are the test's own. Not part of `make test`, for the minutes that it takes:
 * node --import tsx --test scripts/test/slow/disaster-recovery.slow.ts
 */
const PAGE = join(ROOT, 'docs/operations/disaster-recovery.md');
const HINT = 'see the output above';
const GENES = `SELECT count(*), md5(string_agg(g::text, '|' ORDER BY g::text)) FROM genes AS g`;

describe('disaster recovery', { timeout: 1_800_000 }, () => {
  let stack: TestStack;
  let place: string;
  let oldKey: string;
  let backupLine: string;
  let genes: string;
  let tables: Record<string, number>;

  const clone = () => join(place, 'kidney-genetics');
  const newKey = () =>
    readEnvText(readFileSync(join(clone(), '.env.production'), 'utf8')).values.SECRET_KEY ?? '';

  before(async () => {
    place = mkdtempSync(join(tmpdir(), `${TEST_PREFIX}-recovery-`));
    stack = await TestStack.create('recovery');
    await stack.mustScript('npm-network', ['create']);
    await stack.mustScript('up');
    await stack.sql(`UPDATE genes SET name = 'known before the fire' WHERE symbol = 'PKD1'`);
    await stack.mustScript('backup');
    genes = await stack.sql(GENES);
    tables = newest(stack).tables;
    const { SECRET_KEY = '', BACKUP_KEY = '' } = readEnvText(
      readFileSync(stack.settings.envFile, 'utf8'),
    ).values;
    oldKey = SECRET_KEY;
    backupLine = `BACKUP_KEY=${BACKUP_KEY}\n`;
    mkdirSync(join(place, 'rescued'));
    cpSync(backupFolder(stack), join(place, 'rescued'), { recursive: true });
    await stack.dispose();
  });
  after(async () => {
    await stack?.dispose();
    if (place) rmSync(place, { recursive: true, force: true });
  });

  it('begins with nothing of the old host but the backup', async () => {
    for (const kind of [
      ['ps', '--all'],
      ['volume', 'ls'],
      ['network', 'ls'],
      ['image', 'ls'],
    ]) {
      const { stdout } = await run(['docker', ...kind]);
      assert.doesNotMatch(stdout, new RegExp(`\\b${stack.settings.prefix}\\b`), kind.join(' '));
    }
    await mustRun(['git', 'clone', '--quiet', ROOT, clone()], HINT);
  });

  it('is done by the commands of the page', async () => {
    const [prepare, recover] = findShellBlocks(readFileSync(PAGE, 'utf8'));
    const commands = `${prepare?.code.trim()}\n${recover?.code.trim()}`.replace(
      '/mnt/rescued',
      join(place, 'rescued'),
    );
    assert.ok(commands.includes(place));
    const { prefix, network } = stack.settings;
    // Nobody is there to be asked before the restore.
    const env = { STACK_PREFIX: prefix, NPM_NETWORK: network, YES: '1' };
    const startedAt = Date.now();
    for (const command of commands.split('\n')) {
      const begun = Date.now();
      const done = await run(['bash', '-euc', command], { cwd: clone(), env, timeoutMs: 900_000 });
      assert.equal(done.exitCode, 0, `${command}\n${done.stdout}${done.stderr}`.slice(-4000));
      console.log(`${formatDuration(Date.now() - begun)}: ${command}`);
      if (command.includes('prod-env')) appendFileSync(join(clone(), '.env.production'), backupLine);
    }
    const { stdout } = await stack.nodeOn(
      network,
      `const page = await fetch('http://kidney-genetics-frontend/');
       const gene = await fetch('http://kidney-genetics-frontend/api/v1/genes/PKD1');
       console.log(page.status, (await gene.json()).name);`,
    );
    assert.match(stdout, /^200 known before the fire$/m);
    console.log(`${formatDuration(Date.now() - startedAt)} from the first command to the page with its data`);
  });

  it('brings every gene back, and as many rows of each table', async () => {
    assert.equal(await stack.sql(GENES), genes);
    for (const [table, rows] of Object.entries(tables)) {
      // What the host tells of itself is not the past.
      if (table === 'public.operations_status') continue;
      assert.equal(await stack.sql(`SELECT count(*) FROM ${table}`), String(rows), table);
    }
  });

  it('lets people edit with the new key, and with the lost one no more', async () => {
    const edit = (key: string) => editGene(stack, key, 'PKD1', 'edited');
    assert.notEqual(newKey(), oldKey);
    assert.equal(await edit(oldKey), '401');
    assert.equal(await edit(newKey()), '200');
    assert.equal(await stack.sql(`SELECT name FROM genes WHERE symbol = 'PKD1'`), 'edited');
  });
});
