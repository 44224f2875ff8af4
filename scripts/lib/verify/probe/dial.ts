/** Tries connections. Part of the probes, which carry it along: it imports Node's own modules alone. */
import net from 'node:net';

const DIAL_MS = 3000;
const DATABASE_PORT = 5432;
/** SSLRequest of PostgreSQL's protocol; the server answers S or N. A mere connection proves nothing where a proxy takes all. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/**
 * Tries to reach a service.
 * @param target host:port, [address]:port for IPv6; at PostgreSQL's port the answer has to be PostgreSQL's
 * @returns `open`, or why not: an error's code, `no answer`, `somebody else answers`
 */
export function dial(target: string): Promise<string> {
  const at = target.lastIndexOf(':');
  const port = Number(target.slice(at + 1));
  return new Promise((resolve) => {
    const socket = net.connect({ host: target.slice(0, at).replace(/^\[|\]$/g, ''), port });
    const finish = (outcome: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => finish('no answer'), DIAL_MS);
    socket.on('connect', () => {
      if (port === DATABASE_PORT) socket.write(SSL_REQUEST);
      else finish('open');
    });
    socket.on('data', (data: Buffer) =>
      finish(/^[SN]$/.test(data.toString('latin1')) ? 'open' : 'somebody else answers'),
    );
    socket.on('close', () => finish('somebody else answers'));
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  });
}

/** Tries all, side by side. */
export async function dialAll(targets: readonly string[]): Promise<Record<string, string>> {
  return Object.fromEntries(
    await Promise.all(targets.map(async (target) => [target, await dial(target)] as const)),
  );
}
