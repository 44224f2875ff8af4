import { pipeline, Readable } from 'node:stream';
import type { Pool, PoolClient } from 'pg';
import { type DataVersion, readDataVersion } from '../db/data-version.ts';
import type { FollowedIndex } from '../search/followed-index.ts';
import { type ExportFormat, GeneWriter } from './export.ts';
import type { GeneRow } from './repository.ts';
import type { Selection } from './selection.ts';
import { genesStatement } from './sql.ts';

/** An export may take this long, however slowly the client reads. */
const timeoutMs = 120_000;
const batchSize = 200;
const maxAttempts = 3;

/** An export that has begun. */
interface OpenExport {
  text: Readable;
  /** Version of the data that all of it comes from. */
  version: DataVersion;
}

/**
 * Begins to export a selection. Rows come from one snapshot in portions, as fast as the text is read; the connection goes back to
 * the pool when the text ends or is destroyed.
 */
export async function openExport(
  pool: Pool,
  search: FollowedIndex,
  selection: Selection,
  format: ExportFormat,
): Promise<OpenExport> {
  const client = await pool.connect();
  try {
    const { version, ids } = await openSnapshot(client, search, selection);
    return { text: openText(client, ids, format), version };
  } catch (error) {
    client.release(error instanceof Error ? error : true);
    throw error;
  }
}

/**
 * Begins a transaction that sees the data as the index has them; where they change all the time, nearly as it has them.
 *
 * @returns their version, and the ids of the selection
 */
async function openSnapshot(
  client: PoolClient,
  search: FollowedIndex,
  selection: Selection,
): Promise<{ version: DataVersion; ids: string[] }> {
  for (let attempt = 1; ; attempt += 1) {
    await client.query('begin isolation level repeatable read read only');
    // Between two portions the connection waits for the reader.
    await client.query(`set local idle_in_transaction_session_timeout = ${timeoutMs}`);
    const version = await readDataVersion(client);
    const found = await search.ask(version, (index) => ({
      ids: index.list(selection, 0, Number.POSITIVE_INFINITY).ids,
      isSame: search.isAt(version),
    }));
    if (found.isSame || attempt === maxAttempts) return { version, ids: found.ids };
    await client.query('rollback');
  }
}

function openText(client: PoolClient, ids: readonly string[], format: ExportFormat): Readable {
  const rows = Readable.from(readRows(client, ids), { highWaterMark: 1 });
  const timer = setTimeout(() => rows.destroy(new Error('the export takes too long')), timeoutMs).unref();
  return pipeline(rows, new GeneWriter(format), (error) => {
    clearTimeout(timer);
    if (error) client.release(error);
    else
      client.query('commit').then(
        () => client.release(),
        (failure: Error) => client.release(failure),
      );
  });
}

async function* readRows(client: PoolClient, ids: readonly string[]): AsyncGenerator<GeneRow> {
  for (let from = 0; from < ids.length; from += batchSize)
    yield* (await client.query<GeneRow>(genesStatement(ids.slice(from, from + batchSize)))).rows;
}
