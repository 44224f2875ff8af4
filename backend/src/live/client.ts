import type { WebSocket } from 'ws';
import type { ServerMessage } from './messages.ts';

/** Why the server closes a connection (RFC 6455, 7.4; 1012 and 1013 from IANA's registry). */
export const closeCodes = { policy: 1008, restart: 1012, tryLater: 1013 } as const;

/** A client that reads too slowly is cut off before what waits for it fills our memory. */
const maxBufferedBytes = 1024 * 1024;
const maxMessages = 20;
const rateWindowMs = 10_000;
/** How long a client may take to answer a close. */
const closeTimeoutMs = 1000;

/** One open connection: what may still be sent, how much it says, whether it is alive. */
export class LiveClient {
  /** Whose places it takes, see clientNetwork. */
  readonly network: string;
  alive = true;
  readonly #socket: WebSocket;
  /** Number of the newest change the client knows. */
  #told: number;
  /** What is newer than the first and not newer than the second was sent on this connection: it is not sent again. */
  #sentAfter: number;
  #sentUpTo: number;
  /** What happens while older changes are being looked up; null when nothing waits. */
  #heldBack: (() => void)[] | null = null;
  #windowStart = 0;
  #messages = 0;

  /** @param told number of the newest change, from which the client goes on */
  constructor(socket: WebSocket, network: string, told: number) {
    this.#socket = socket;
    this.#told = told;
    this.network = network;
    this.#sentAfter = told;
    this.#sentUpTo = told;
  }

  send(message: ServerMessage): void {
    this.sendText(JSON.stringify(message));
  }

  /** @param text a message that was written once for all clients */
  sendText(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > maxBufferedBytes) this.close(closeCodes.tryLater, 'reading too slowly');
    else this.#socket.send(text);
  }

  /** Sends a change that the client has not been told yet, or keeps it until those before it have been sent. */
  tell(seq: number, text: string): void {
    if (this.#heldBack) this.#heldBack.push(() => this.tell(seq, text));
    else if (seq > this.#told) {
      this.#told = seq;
      if (seq > this.#sentAfter && seq <= this.#sentUpTo) return;
      this.#sentUpTo = Math.max(this.#sentUpTo, seq);
      this.sendText(text);
    }
  }

  /** Sends a request to read everything anew; the numbers of changes go on from there, even from a lower one. */
  resync(seq: number): void {
    if (this.#heldBack) this.#heldBack.push(() => this.resync(seq));
    else {
      this.#told = seq;
      this.#sentAfter = seq;
      this.#sentUpTo = seq;
      this.send({ type: 'resync', seq });
    }
  }

  /** From now on what is told waits. @returns false when it does already */
  holdBack(): boolean {
    if (this.#heldBack) return false;
    this.#heldBack = [];
    return true;
  }

  /**
   * Ends the waiting.
   *
   * @param since number of the newest change the client said it knows
   * @param tellMissed tells what it missed; what waited follows, unless it was among that
   */
  release(since: number, tellMissed: () => void): void {
    const waiting = this.#heldBack ?? [];
    this.#heldBack = null;
    this.#told = since;
    tellMissed();
    for (const send of waiting) send();
  }

  /** Counts a message. @returns false when the client says more than it may */
  countMessage(now: number): boolean {
    if (now - this.#windowStart > rateWindowMs) {
      this.#windowStart = now;
      this.#messages = 0;
    }
    this.#messages += 1;
    return this.#messages <= maxMessages;
  }

  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    setTimeout(() => this.#socket.terminate(), closeTimeoutMs).unref();
  }

  terminate(): void {
    this.#socket.terminate();
  }
}
