let begun: string | undefined;

/**
 * Notes that from here on this command may have changed something: a closed terminal does not end it any more, and Ctrl-C says so.
 * Who takes the lock of a stack need not.
 * @param name names the log of what is said when the terminal is gone: a stack's prefix, or the command's name
 */
export function beginChanges(name: string): void {
  begun ??= name;
}

/** The name of the first changes that this command began; undefined while it has only looked. */
export function begunChanges(): string | undefined {
  return begun;
}
