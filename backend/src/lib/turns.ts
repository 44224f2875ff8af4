/** Does short work piece by piece, with a turn of the event loop for everybody else after each, however much of it waits. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** @returns what the work returns, or throws, when its turn has come */
  take<T>(work: () => T): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.then(nextTurn, nextTurn);
    return done;
  }
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
