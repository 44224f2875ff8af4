import { pipeline, type Readable } from 'node:stream';
import type { Pool, PoolClient } from 'pg';
import QueryStream from 'pg-query-stream';
import { type DataVersion, readDataVersion } from '../db/data-version.ts';
import { type ExportFormat, GeneWriter } from './export.ts';
import { resolveSearch } from './repository.ts';
import type { Selection } from './selection.ts';
import { exportStatement } from './sql.ts';

/** An export may take this long, however slowly the client reads. */
const timeoutMs = 120_000;
const batchSize = 200;

/** An export that has begun. */
interface OpenExport {
  text: Readable;
  /** Version of the data that all of it comes from. */
  version: DataVersion;
}

/**
 * Begins to export a selection. Rows come from one snapshot through a cursor, as fast as the text is read; the connection
 * goes back to the pool when the text ends or is destroyed.
 */
export async function openExport(
  pool: Pool,
  selection: Selection,
  format: ExportFormat,
): Promise<OpenExport> {
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const version = await readDataVersion(client);
    const terms = await resolveSearch(client, selection);
    await client.query(`set local statement_timeout = ${timeoutMs}`);
    return { text: openText(client, exportStatement(selection, terms), format), version };
  } catch (error) {
    client.release(error instanceof Error ? error : true);
    throw error;
  }
}

function openText(
  client: PoolClient,
  { text, values }: { text: string; values: unknown[] },
  format: ExportFormat,
): Readable {
  const stream = new QueryStream(text, values, { batchSize });
  // The connection's own limit counts from the first row to the last, so it would cut off slow readers.
  Object.assign(stream, { query_timeout: timeoutMs });
  const rows = client.query(stream);
  return pipeline(rows, new GeneWriter(format), (error) => {
    // pg keeps the timer of a stream that is broken off, and would hold on to the stream with it.
    rows.callback?.(null);
    if (error) client.release(error);
    else
      client.query('commit').then(
        () => client.release(),
        (failure: Error) => client.release(failure),
      );
  });
}
