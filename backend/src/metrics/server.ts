import { createServer, type Server } from 'node:http';
import { BlockList, isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Registry } from 'prom-client';
import { toIPv4 } from '../lib/neighbours.ts';

/** Serves GET /metrics, at an address that may change. */
export class MetricsServer {
  readonly #server: Server;
  readonly #port: number;
  #host: string | null = null;

  /** @param render writes the text of the metrics */
  constructor(render: () => Promise<string>, port: number) {
    this.#port = port;
    this.#server = createMetricsServer(render);
    // A machine answers to all its addresses on each of its networks: a neighbour with a route reaches this one from another.
    this.#server.on('connection', (socket) => {
      if (!isOnNetworkOf(this.#host ?? '', socket.remoteAddress ?? '')) socket.destroy();
    });
  }

  /**
   * Listens at an address, and no longer at the one before.
   *
   * @param host IP address of this machine
   * @returns whether anything changed
   * @throws what the system says when it cannot listen there
   */
  async listen(host: string): Promise<boolean> {
    if (this.#host === host) return false;
    await this.close();
    this.#host = host;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen({ host, port: this.#port }, () => {
          this.#server.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      this.#host = null;
      throw error;
    }
    return true;
  }

  /** Where it listens; null when it does not. */
  address(): { host: string; port: number } | null {
    const address = this.#server.address();
    return address !== null && typeof address === 'object'
      ? { host: address.address, port: address.port }
      : null;
  }

  async close(): Promise<void> {
    this.#host = null;
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Whether a peer is on the very network that a local address belongs to. */
function isOnNetworkOf(local: string, peer: string): boolean {
  const known = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const cidr = known.find(({ address }) => address === local)?.cidr;
  if (!cidr) return false;
  const network = new BlockList();
  network.addSubnet(local, Number(cidr.split('/')[1]), isIPv4(local) ? 'ipv4' : 'ipv6');
  return network.check(toIPv4(peer), isIPv4(toIPv4(peer)) ? 'ipv4' : 'ipv6');
}

function createMetricsServer(render: () => Promise<string>): Server {
  const server = createServer(
    { requestTimeout: 5000, headersTimeout: 5000, connectionsCheckingInterval: 1000 },
    async (request, response) => {
      if (request.method !== 'GET' || request.url !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      try {
        const text = await render();
        response
          .writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE, 'cache-control': 'no-store' })
          .end(text);
      } catch {
        response.writeHead(500).end();
      }
    },
  );
  server.maxConnections = 20;
  return server;
}
