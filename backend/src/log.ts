import { once } from 'node:events';
import { Writable } from 'node:stream';
import { destination, type Logger, type LoggerOptions, pino } from 'pino';
import type { Env } from './env.ts';

/** What takes lines. */
type Lines = Pick<Writable, 'write'>;

/** Standard output, written to in the background: requests do not wait for whoever reads it. */
export function openOutput(): { lines: Lines; end: () => Promise<void> } {
  const lines = destination({ fd: 1, sync: false });
  return {
    lines,
    /** Resolves when all is written. flush() would not do: what is being written in the background ends with the process. */
    async end() {
      const closed = once(lines, 'close');
      lines.end();
      await closed;
    },
  };
}

/** Fields that must never be written, wherever a log call brings them from. */
const secretFields = [
  'authorization',
  'cookie',
  'password',
  'token',
  'secret',
  'secretKeys',
  'databaseUrl',
  'connectionString',
];

/**
 * Makes the logger: JSON lines, or with LOG_FORMAT=text lines for people.
 *
 * @param lines where they go, one line a write
 */
export function createLogger(env: Pick<Env, 'logLevel' | 'logFormat'>, lines: Lines): Logger {
  const options: LoggerOptions = {
    level: env.logLevel,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
      censor: '[redacted]',
    },
  };
  return pino(options, env.logFormat === 'text' ? toText(lines) : lines);
}

/** A stream and not a pino transport: transports run in a worker thread whose file a bundle does not have. */
function toText(output: { write(line: string): unknown }): Writable {
  return new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      output.write(formatLine(line));
      done();
    },
  });
}

/**
 * Turns one JSON log line into `TIME LEVEL message key=value ...`, with a stack on lines of its own.
 *
 * @returns the line with its newline; what is no JSON is returned as it is
 */
export function formatLine(line: string): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { time, level, msg, err, ...rest } = record;
  const fields = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const head = [time, String(level).toUpperCase().padEnd(5), msg, ...fields]
    .filter((part) => part !== undefined)
    .join(' ');
  const stack = (err as { stack?: string } | undefined)?.stack;
  return stack ? `${head}\n${stack}\n` : `${head}\n`;
}
