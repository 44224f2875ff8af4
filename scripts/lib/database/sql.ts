import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { DescribedError } from '../process/errors.ts';
import { openPipe, type PipedProcess, run } from '../process/shell.ts';
import { psqlArgv, type SignIn } from './client-argv.ts';

/** What `timeout` exits with. */
const TIMED_OUT = 124;

/**
 * Runs SQL and gives its bare result.
 * @param sql a stream for what is long
 * @param variables for :'name' and :"name" in the SQL; not the place for a secret
 * @throws DescribedError with what the server says
 */
export async function querySql(
  signIn: SignIn,
  sql: string | Readable,
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const result = await run(psqlArgv(signIn, variables), { input: sql });
  if (result.exitCode === 0) return result.stdout.trim();
  throw describeSqlError(signIn, result);
}

/** Like `querySql` for statements that give rows of JSON, one a line. */
export async function queryJson<T>(
  signIn: SignIn,
  sql: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<T[]> {
  return parseLines<T>((await querySql(signIn, sql, variables)).split('\n'));
}

function parseLines<T>(lines: readonly string[]): T[] {
  return lines.filter(Boolean).map((line) => JSON.parse(line) as T);
}

/** A psql that stays open, for what has to happen in one session. */
export class SqlSession {
  private readonly signIn: SignIn;
  private readonly process: PipedProcess;
  private readonly lines: AsyncIterator<string>;

  /** @param variables as for `querySql` */
  constructor(signIn: SignIn, variables: Readonly<Record<string, string>> = {}) {
    this.signIn = signIn;
    this.process = openPipe(psqlArgv(signIn, variables));
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  /**
   * Runs statements and gives the lines they print.
   * @throws DescribedError when one fails: the session is then over
   */
  async ask(sql: string): Promise<string[]> {
    const mark = randomUUID();
    this.process.stdin.write(`${sql}\n\\echo ${mark}\n`);
    const answer: string[] = [];
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done) throw describeSqlError(this.signIn, await this.process.ended);
      if (value === mark) return answer;
      answer.push(value);
    }
  }

  async askJson<T>(sql: string): Promise<T[]> {
    return parseLines<T>(await this.ask(sql));
  }

  /** Ends the session; an open transaction is rolled back. */
  async close(): Promise<void> {
    this.process.stdin.end();
    await this.process.ended;
  }
}

/** One sentence of what psql said last, without the CONTEXT that quotes the owner's code. */
function describeSqlError(
  { container, database, user, limitSeconds }: SignIn,
  { exitCode, stderr }: { exitCode: number; stderr: string },
): DescribedError {
  const lines = stderr.trim().split('\n');
  const errors = lines.filter((line) => /\b(ERROR|FATAL|error): /.test(line));
  const said = (errors.length > 0 ? errors : lines).slice(-3).join(' ');
  const reason =
    exitCode === TIMED_OUT ? `no answer within ${limitSeconds} s` : said || `psql exit ${exitCode}`;
  return new DescribedError(
    `The database ${database} refused ${user}: ${reason}`,
    `make prod-health; the server's own log: docker logs ${container}`,
  );
}
