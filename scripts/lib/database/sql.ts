import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { DescribedError } from '../process/errors.ts';
import { mustRun, openPipe, type PipedProcess } from '../process/shell.ts';

/** The command line of psql as the superuser, over the socket of a database's container; SQL comes through its input. */
function psqlArgv(container: string, database: string, variables: Readonly<Record<string, string>> = {}) {
  const set = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
  const psql = ['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', ...set, '-U', 'postgres', '-d', database];
  return ['docker', 'exec', '-i', container, ...psql];
}

/**
 * Runs SQL and gives its bare result.
 * @param variables for :'name' and :"name" in the SQL; not the place for a secret
 * @throws DescribedError with what the server says
 */
export async function querySql(
  container: string,
  database: string,
  sql: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const hint = `see the server's log: docker logs ${container}`;
  return (await mustRun(psqlArgv(container, database, variables), hint, { input: sql })).trim();
}

/** Like `querySql` for statements that give rows of JSON, one a line. */
export async function queryJson<T>(
  container: string,
  database: string,
  sql: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<T[]> {
  return parseLines<T>((await querySql(container, database, sql, variables)).split('\n'));
}

function parseLines<T>(lines: readonly string[]): T[] {
  return lines.filter(Boolean).map((line) => JSON.parse(line) as T);
}

/** A psql that stays open, for what has to happen in one session. */
export class SqlSession {
  private readonly process: PipedProcess;
  private readonly lines: AsyncIterator<string>;

  /** @param variables as for `querySql` */
  constructor(container: string, database: string, variables: Readonly<Record<string, string>> = {}) {
    this.process = openPipe(psqlArgv(container, database, variables));
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
      if (done) throw await this.explainEnd();
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

  private async explainEnd(): Promise<DescribedError> {
    const { exitCode, stderr } = await this.process.ended;
    return new DescribedError(
      `The session with the database ended (exit ${exitCode})${stderr ? `: ${stderr}` : ''}`,
      'see whether the database is up: make prod-health',
    );
  }
}
