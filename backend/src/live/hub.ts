import type { FastifyBaseLogger } from 'fastify';
import type { WebSocket } from 'ws';
import type { ChangeList } from '../genes/changes.ts';
import { clientNetwork } from '../lib/client-network.ts';
import { Turns } from '../lib/turns.ts';
import type { Change } from '../schemas/answers.ts';
import { closeCodes, LiveClient } from './client.ts';
import { parseClientMessage } from './messages.ts';

/** Well below the 90 s after which Nginx Proxy Manager takes a silent connection for dead; `make prod-verify` waits for one, no longer than for nginx to cut slow clients. */
const heartbeatSeconds = 10;

interface HubOptions {
  version: string;
  maxClients: number;
  maxClientsPerAddress: number;
  /** Number of the newest change that was told; null as long as the database has not been reached. */
  position: () => number | null;
  /** Lists what changed after a number. */
  changesSince: (seq: number) => Promise<ChangeList>;
  log: FastifyBaseLogger;
}

/** All open WebSockets: greets them, tells them what changed, finds the dead, and says goodbye. */
export class LiveHub {
  readonly stats = { sent: 0, received: 0, refused: 0 };
  readonly #clients = new Set<LiveClient>();
  readonly #options: HubOptions;
  readonly #heartbeat: NodeJS.Timeout;
  #closing = false;
  /** The answers to those who come back, one after the other, with a turn for everything else between them. */
  readonly #turns = new Turns();

  constructor(options: HubOptions) {
    this.#options = options;
    this.#heartbeat = setInterval(() => this.beat(), heartbeatSeconds * 1000);
    this.#heartbeat.unref();
  }

  get size(): number {
    return this.#clients.size;
  }

  /**
   * Takes a connection in, or closes it when there are too many.
   *
   * @param address of the client, as the proxies tell it
   */
  add(socket: WebSocket, address: string): void {
    const seq = this.#options.position() ?? 0;
    const network = clientNetwork(address);
    const client = new LiveClient(socket, network, seq);
    socket.on('error', () => client.terminate());
    const refusal = this.#findRefusal(network);
    if (refusal !== null) {
      this.stats.refused += 1;
      client.close(refusal.code, refusal.reason);
      return;
    }
    this.#clients.add(client);
    socket.on('close', () => this.#clients.delete(client));
    socket.on('pong', () => {
      client.alive = true;
    });
    socket.on('message', (data, isBinary) => this.#receive(client, isBinary ? null : data.toString()));
    client.send({ type: 'hello', seq, version: this.#options.version, heartbeatSeconds });
  }

  #findRefusal(network: string): { code: number; reason: string } | null {
    const { maxClients, maxClientsPerAddress, position } = this.#options;
    if (this.#closing) return { code: closeCodes.restart, reason: 'service restart' };
    if (position() === null) return { code: closeCodes.tryLater, reason: 'starting' };
    if (this.#clients.size >= maxClients)
      return { code: closeCodes.tryLater, reason: 'too many connections' };
    let same = 0;
    for (const client of this.#clients) if (client.network === network) same += 1;
    if (same < maxClientsPerAddress) return null;
    return { code: closeCodes.tryLater, reason: 'too many connections from this address' };
  }

  #receive(client: LiveClient, text: string | null): void {
    this.stats.received += 1;
    client.alive = true;
    const message = text === null ? null : parseClientMessage(text);
    if (!client.countMessage(Date.now())) client.close(closeCodes.policy, 'too many messages');
    else if (message === null) client.close(closeCodes.policy, 'not a message this server knows');
    else if (message.type === 'resume') void this.#resume(client, message.since);
    else client.goOn();
  }

  /** Sends what a client missed; what happens meanwhile waits, so that it gets all in order. */
  async #resume(client: LiveClient, since: number): Promise<void> {
    if (!client.beginAnswer()) return;
    try {
      const { items, latest, complete } = await this.#options.changesSince(since);
      const newest = items.at(-1)?.seq ?? latest;
      const list = complete && newest >= latest ? items : null;
      await this.#turns.take(() => {
        const told = list?.map((change) => ({ seq: change.seq, text: writeChange(change) })) ?? null;
        client.answer(since, told, latest);
      });
      this.stats.sent += items.length;
    } catch (error) {
      this.#options.log.warn({ err: error }, 'missed changes could not be read');
      client.close(closeCodes.tryLater, 'the database is away');
    }
  }

  /** Tells everybody. @param changes in order */
  broadcast(changes: readonly Change[]): void {
    for (const change of changes) {
      const text = writeChange(change);
      for (const client of this.#clients) client.tell(change.seq, text);
    }
    this.stats.sent += changes.length * this.#clients.size;
  }

  /** Asks everybody to read all genes anew. @param seq number to go on from afterwards */
  resync(seq: number): void {
    for (const client of this.#clients) client.resync(seq);
    this.stats.sent += this.#clients.size;
  }

  /** Pings everybody, and drops those who have not answered since the last time. */
  beat(): void {
    const text = JSON.stringify({ type: 'ping', at: new Date().toISOString() });
    for (const client of this.#clients) {
      if (!client.alive) {
        client.terminate();
        continue;
      }
      client.alive = false;
      client.ping();
      client.sendText(text);
    }
  }

  /**
   * Sends every client away with 1012, one after the other, so that they do not all come back in the same instant.
   *
   * @param overMs time until the last is sent away
   */
  disperse(overMs: number): void {
    const clients = [...this.#clients];
    for (const [index, client] of clients.entries()) {
      const sendAway = () => client.close(closeCodes.restart, 'service restart');
      setTimeout(sendAway, (index / clients.length) * overMs).unref();
    }
  }

  /** Closes every connection with 1012: clients come back, to this server's successor. */
  close(): void {
    this.#closing = true;
    clearInterval(this.#heartbeat);
    for (const client of this.#clients) client.close(closeCodes.restart, 'service restart');
  }
}

const written = new WeakMap<Change, string>();

/** Written once, for all who are told. */
function writeChange(change: Change): string {
  const text = written.get(change) ?? JSON.stringify({ type: 'change', ...change });
  written.set(change, text);
  return text;
}
