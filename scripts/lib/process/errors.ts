/** Exit codes of every command: done, the work or a check failed, wrong use, something missing on the host. */
export const Exit = { done: 0, failed: 1, usage: 2, missing: 3, interrupted: 130 } as const;
export type ExitCode = (typeof Exit)[keyof typeof Exit];

/** An expected failure: one sentence on the cause and the one thing that fixes it. */
export class DescribedError extends Error {
  readonly hint: string;
  readonly exitCode: ExitCode;

  /**
   * @param cause what is wrong, one sentence
   * @param hint what to do about it, best a single command
   * @param exitCode the code that the process ends with
   */
  constructor(cause: string, hint: string, exitCode: ExitCode = Exit.failed) {
    super(cause);
    this.name = 'DescribedError';
    this.hint = hint;
    this.exitCode = exitCode;
  }
}
