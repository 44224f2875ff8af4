import type { Pool } from 'pg';

/** How new the data are. Both values change with every commit that changes genes or disease groups. */
export interface DataVersion {
  /** Number of the newest change. */
  seq: number;
  /** Numbers of changes up to here can no longer be listed one by one. */
  floor: number;
  /** Microseconds since 1970: tells histories apart after a restore has set `seq` back. */
  changedAt: number;
}

const statement = {
  name: 'data-version',
  text: `select seq, floor, (extract(epoch from changed_at) * 1000000)::bigint as "changedAt" from data_state`,
};

/** Reads the version as the connection (or its transaction) sees it. */
export async function readDataVersion(database: Pick<Pool, 'query'>): Promise<DataVersion> {
  const { rows } = await database.query<DataVersion>(statement);
  if (rows[0] === undefined) throw new Error('data_state has no row');
  return rows[0];
}

/**
 * Asks the database for the data's version, at most one question at a time: requests that arrive while one is under way
 * share the next. So an answer is never older than the request it serves, and a thousand requests cost a few questions.
 */
export class DataVersionReader {
  readonly #pool: Pool;
  #current: Promise<DataVersion> | null = null;
  #next: Promise<DataVersion> | null = null;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** @throws what the pool throws when the database is away */
  read(): Promise<DataVersion> {
    if (this.#current === null) return this.#start();
    this.#next ??= this.#current.then(
      () => this.#startNext(),
      () => this.#startNext(),
    );
    return this.#next;
  }

  #startNext(): Promise<DataVersion> {
    this.#next = null;
    return this.#start();
  }

  #start(): Promise<DataVersion> {
    const question = readDataVersion(this.#pool).finally(() => {
      if (this.#current === question) this.#current = null;
    });
    this.#current = question;
    return question;
  }
}
