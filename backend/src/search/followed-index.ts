import type { Client, Pool } from 'pg';
import { createClient } from '../db/connection.ts';
import type { DataVersion } from '../db/data-version.ts';
import type { Env } from '../env.ts';
import { Turns } from '../lib/turns.ts';
import { GeneIndex, type IndexedGene } from './gene-index.ts';

const loadTimeoutMs = 60_000;
const batchSize = 500;
/** With more changes than this the index is built anew. */
const maxChanges = 300;

const columns = `g.hgnc_id as "hgncId", g.symbol, g.name, g.aliases, g.chromosome, g.inheritance, g.disease_group as "diseaseGroup",
  g.evidence, g.evidence_source as "evidenceSource", g.evidence_date as "evidenceDate", g.diseases`;

/** How new the index is. The time of the newest change tells histories apart: after a restore numbers are given out again. */
interface Position {
  seq: number;
  changedAt: number;
  newestAt: number | null;
}

const micros = (time: string) => `(extract(epoch from ${time}) * 1000000)::bigint`;
const positionColumns = `state.seq, ${micros('state.changed_at')} as "changedAt",
  (select ${micros('changes.at')} from changes where changes.seq = state.seq) as "newestAt"`;

interface ChangedRow extends Position {
  /** Whether all changes after the number can be told, and the history up to it is the one that is known. */
  told: boolean;
  id: string | null;
  gene: IndexedGene | null;
}

// One statement sees one state of the data.
const changedText = `
  select ${positionColumns},
    $1 between state.floor and state.seq
      and $2 = (select ${micros('changes.at')} from changes where changes.seq = $1) as told,
    changed.hgnc_id as id,
    (select row_to_json(gene) from (select ${columns} from genes g where g.hgnc_id = changed.hgnc_id) as gene) as gene
  from data_state as state
  left join lateral (
    select distinct hgnc_id from changes where changes.seq > $1 and $1 >= state.floor limit ${maxChanges + 1}
  ) as changed on true`;

/** The index of the genes, kept as new as each question needs it. */
export class FollowedIndex {
  readonly #env: Env;
  readonly #pool: Pool;
  readonly #ending: AbortSignal;
  #index: GeneIndex | null = null;
  #position: Position = { seq: -1, changedAt: -1, newestAt: null };
  #following: Promise<void> | null = null;
  readonly #turns = new Turns();

  /** @param ending cuts a load that is under way */
  constructor(env: Env, pool: Pool, ending: AbortSignal) {
    this.#env = env;
    this.#pool = pool;
    this.#ending = ending;
  }

  /**
   * Works something out from an index that holds all that was there at the version, and perhaps what came since. However many ask
   * at once, everybody else gets turns between.
   *
   * @throws what the database throws
   */
  async ask<T>(version: DataVersion, work: (index: GeneIndex) => T): Promise<T> {
    const index = await this.#at(version);
    return this.#turns.take(() => work(index));
  }

  async #at(version: DataVersion): Promise<GeneIndex> {
    // What is under way may have begun before that version was there; what begins afterwards has not.
    if (!this.isAt(version)) await this.#following?.catch(() => {});
    if (!this.isAt(version)) await this.catchUp();
    if (this.#index === null) throw new Error('there is no index');
    return this.#index;
  }

  /** Whether the index holds exactly what was there at the version. */
  isAt({ seq, changedAt }: DataVersion): boolean {
    return seq === this.#position.seq && changedAt === this.#position.changedAt;
  }

  /** Takes over what has changed; all who ask meanwhile wait for the same. */
  catchUp(): Promise<void> {
    this.#following ??= this.#follow().finally(() => {
      this.#following = null;
    });
    return this.#following;
  }

  async #follow(): Promise<void> {
    const { seq, newestAt } = this.#position;
    if (this.#index === null) return this.#load();
    const { rows } = await this.#pool.query<ChangedRow>({
      name: 'changed-genes',
      text: changedText,
      values: [seq, newestAt],
    });
    const [state] = rows;
    const changes = rows.flatMap(({ id, gene }) => (id === null ? [] : [{ hgncId: id, gene }]));
    if (!state?.told || this.#index.changes + changes.length > maxChanges) return this.#load();
    if (changes.length > 0) await this.#index.apply(changes);
    this.#position = state;
  }

  async #load(): Promise<void> {
    const client = createClient(this.#env, 'index', loadTimeoutMs);
    client.on('error', () => {});
    const hangUp = () => client.connection.stream.destroy();
    this.#ending.addEventListener('abort', hangUp);
    try {
      await client.connect();
      await client.query('begin isolation level repeatable read read only');
      const { rows } = await client.query<Position>(`select ${positionColumns} from data_state as state`);
      const [position] = rows;
      if (!position) throw new Error('data_state has no row');
      this.#index = await GeneIndex.build(readGenes(client));
      this.#position = position;
    } finally {
      this.#ending.removeEventListener('abort', hangUp);
      hangUp();
    }
  }
}

/** Reads all genes by symbol, in portions: between them there is a turn for everybody else. */
async function* readGenes(client: Client): AsyncGenerator<IndexedGene> {
  const text = `select ${columns} from genes g where upper(g.symbol) collate "C" > upper($1)
    order by upper(g.symbol) collate "C" limit ${batchSize}`;
  for (let after = ''; ; ) {
    const { rows } = await client.query<IndexedGene>({ name: 'indexed-genes', text, values: [after] });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.symbol;
  }
}
