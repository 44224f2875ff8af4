import type { Pool } from 'pg';
import type { Change } from '../schemas/answers.ts';
import { type GeneRow, toGene } from './repository.ts';
import { geneColumns } from './sql.ts';

/** Changes in order, and how they relate to the data. */
export interface ChangeList {
  items: Change[];
  /** Number of the newest change. */
  latest: number;
  /** Changes up to this number are not listed one by one. */
  floor: number;
  /** False when changes after the number asked for can no longer be listed one by one. */
  complete: boolean;
}

/** A change beside its gene as it is now. Nulls: in a row that only says how new the data are, and for a gene that is gone. */
interface ChangeRow extends Omit<GeneRow, 'hgncId'> {
  latest: number;
  floor: number;
  changeSeq: number | null;
  at: Date;
  op: Change['op'];
  changedSymbol: string;
  hgncId: string | null;
}

// One statement sees one state of the data: what it lists fits what it says about it.
const changesText = `
  select state.seq as latest, state.floor, c.seq as "changeSeq", c.at, c.op, c.symbol as "changedSymbol", ${geneColumns}
  from data_state as state
  left join lateral (
    select * from changes where changes.seq > $1 and $1 >= state.floor order by changes.seq limit $2
  ) as c on true
  left join genes g on g.hgnc_id = c.hgnc_id and c.op <> 'delete'
  order by c.seq`;

/**
 * Lists what changed after a number, oldest first.
 *
 * @param since number of the last change that is known already
 * @param limit at most so many
 */
export async function listChanges(pool: Pool, since: number, limit: number): Promise<ChangeList> {
  const { rows } = await pool.query<ChangeRow>({
    name: 'changes',
    text: changesText,
    values: [since, limit],
  });
  const { latest = 0, floor = 0 } = rows[0] ?? {};
  const items = rows.flatMap(({ latest: _, floor: __, changeSeq, at, op, changedSymbol, hgncId, ...gene }) =>
    changeSeq === null
      ? []
      : [
          {
            seq: changeSeq,
            at: at.toISOString(),
            op,
            symbol: changedSymbol,
            gene: hgncId === null ? null : toGene({ ...gene, hgncId }),
          },
        ],
  );
  return { items, latest, floor, complete: since >= floor && since <= latest };
}
