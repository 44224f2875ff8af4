import type { Pool } from 'pg';
import { Gauge, type Registry } from 'prom-client';

interface OperationRow {
  /** Such as `backup` or `verify`. */
  kind: string;
  ok: boolean;
  /** Seconds since 1970. */
  finishedAt: number;
  lastOkAt: number | null;
}

const statement = {
  name: 'operations',
  text: `select kind, ok, extract(epoch from finished_at)::float8 as "finishedAt",
    extract(epoch from last_ok_at)::float8 as "lastOkAt" from operations_status order by kind`,
};

/**
 * Shows how the last backup and the last verification went, which the host's scripts write into the database.
 *
 * @returns reads them anew; never throws
 */
export function registerOperations(registry: Registry, pool: Pool): () => Promise<void> {
  const labelNames = ['kind'] as const;
  const registers = [registry];
  const ok = new Gauge({ name: 'operation_ok', help: '1 when the last one worked.', labelNames, registers });
  const age = new Gauge({
    name: 'operation_last_success_age_seconds',
    help: 'Time since the last one that worked.',
    labelNames,
    registers,
  });
  const finished = new Gauge({
    name: 'operation_last_finished_timestamp_seconds',
    help: 'When the last one ended, well or not.',
    labelNames,
    registers,
  });
  const readable = new Gauge({
    name: 'operations_readable',
    help: '1 when the database could be asked for the operations.',
    registers,
  });

  return async () => {
    const rows = await pool.query<OperationRow>(statement).then(
      (result) => result.rows,
      () => null,
    );
    for (const metric of [ok, age, finished]) metric.reset();
    readable.set(rows === null ? 0 : 1);
    for (const row of rows ?? []) {
      ok.set({ kind: row.kind }, row.ok ? 1 : 0);
      finished.set({ kind: row.kind }, row.finishedAt);
      if (row.lastOkAt !== null) age.set({ kind: row.kind }, Date.now() / 1000 - row.lastOkAt);
    }
  };
}
