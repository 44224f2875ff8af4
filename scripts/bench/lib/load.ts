import { fileURLToPath } from 'node:url';
import { DescribedError } from '../../lib/process/errors.ts';
import { mustRun } from '../../lib/process/shell.ts';

/** What a load of wrk found. */
export interface Load {
  requestsPerSecond: number;
  requests: number;
  p50Ms: number;
  p99Ms: number;
}

interface LoadOptions {
  seconds?: number;
  connections?: number;
  headers?: readonly string[];
  /** A file with a path a line, which are asked for by turns instead of the address itself. */
  paths?: string;
  /** Requests a second; without it, as many as are answered. Only with `paths`. */
  rate?: number;
}

const PATHS = fileURLToPath(new URL('paths.lua', import.meta.url));

/**
 * Asks an address of this machine as often as it answers.
 * @throws DescribedError when an answer was an error or a connection broke: such a figure says nothing
 */
export async function putLoad(
  url: string,
  { seconds = 3, connections = 32, headers = ['Accept-Encoding: gzip'], paths, rate }: LoadOptions = {},
): Promise<Load> {
  const argv = ['wrk', '--latency', '--threads', '1', '--connections', String(connections)];
  const asked = headers.flatMap((header) => ['--header', header]);
  const script = paths ? ['--script', PATHS] : [];
  const rest = paths ? ['--', paths, ...(rate ? [String(rate)] : [])] : [];
  const text = await mustRun(
    [...argv, '--timeout', '10s', '--duration', `${seconds}s`, ...asked, ...script, url, ...rest],
    'see what it says',
  );
  const { errors, ...load } = parseWrk(text);
  if (errors) throw new DescribedError(`${url} failed under load: ${errors}`, 'make bench');
  return load;
}

const MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Reads the report of `wrk --latency`. */
export function parseWrk(text: string): Load & { errors: string } {
  const read = (pattern: RegExp) => pattern.exec(text)?.slice(1) ?? [];
  const percentile = (name: string) => {
    const [value, unit] = read(new RegExp(`^\\s*${name}%\\s+([\\d.]+)(us|ms|s|m)`, 'm'));
    return Number(value) * (MS[unit ?? ''] ?? Number.NaN);
  };
  const errors = [read(/^\s*(Socket errors: .*)$/m)[0], read(/^\s*(Non-2xx .*)$/m)[0]].filter(Boolean);
  return {
    requestsPerSecond: Number(read(/^Requests\/sec:\s+([\d.]+)/m)[0]),
    requests: Number(read(/^\s*(\d+) requests in /m)[0]),
    p50Ms: percentile('50'),
    p99Ms: percentile('99'),
    errors: errors.join(', '),
  };
}
