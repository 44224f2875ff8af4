import type { ChangeList } from '../genes/changes.ts';

/** A client that knows more than we do makes us read anew this often at most. */
const staleMs = 250;

/** The newest changes, as they were read at once. */
interface Newest {
  /** All changes after this number are here. */
  after: number;
  list: ChangeList;
}

/**
 * Answers what changed after a number from one list of the newest changes, which is read once after each change of the data,
 * however many ask. Who missed more than the list holds has to read everything anew.
 */
export class MissedChanges {
  readonly #read: (since: number) => Promise<ChangeList>;
  readonly #size: number;
  #newest: Promise<Newest> | null = null;
  #readAt = Number.NEGATIVE_INFINITY;

  /**
   * @param read lists what changed after a number, at most `size`
   * @param size most changes that are told one by one
   */
  constructor(read: (since: number) => Promise<ChangeList>, size: number) {
    this.#read = read;
    this.#size = size;
  }

  /**
   * @param since number of the newest change that the client knows
   * @param position number of the newest change that was told to all
   * @throws what reading throws
   */
  async listAfter(since: number, position: number): Promise<ChangeList> {
    const reading = this.#newest ?? this.#start(position);
    let newest = await reading;
    const { latest: known } = newest.list;
    // Older than what was told, or than what the client had from another server: read anew, but not for everybody's asking.
    const isOld = known < position || (known < since && performance.now() - this.#readAt > staleMs);
    if (isOld) {
      const isNew = this.#newest !== null && this.#newest !== reading;
      newest = (await (isNew ? this.#newest : this.#start(Math.max(position, known)))) ?? newest;
    }
    const { items, latest } = newest.list;
    const complete = newest.list.complete && since >= newest.after && since <= latest;
    return { ...newest.list, items: complete ? items.filter(({ seq }) => seq > since) : [], complete };
  }

  /** Forgets what was read, as when the numbers begin anew after a restore. */
  forget(): void {
    this.#newest = null;
  }

  #start(position: number): Promise<Newest> {
    this.#readAt = performance.now();
    const newest = this.#readAfter(Math.max(0, position - this.#size));
    this.#newest = newest;
    newest.catch(() => {
      if (this.#newest === newest) this.#newest = null;
    });
    return newest;
  }

  /** What is newer than the last that was read is told to all in a moment. */
  async #readWhole(after: number): Promise<ChangeList> {
    const list = await this.#read(after);
    return { ...list, latest: list.items.at(-1)?.seq ?? list.latest };
  }

  async #readAfter(after: number): Promise<Newest> {
    const list = await this.#readWhole(after);
    // After a bulk change the numbers up to it are not listed one by one.
    return list.floor > after
      ? { after: list.floor, list: await this.#readWhole(list.floor) }
      : { after, list };
  }
}
