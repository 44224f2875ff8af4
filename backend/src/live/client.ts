import type { WebSocket } from 'ws';
import type { ServerMessage } from './messages.ts';

/** Why the server closes a connection (RFC 6455, 7.4; 1012 and 1013 from IANA's registry). */
export const closeCodes = { policy: 1008, restart: 1012, tryLater: 1013 } as const;

/** A client that reads too slowly is cut off before what waits for it fills our memory. */
const maxBufferedBytes = 1024 * 1024;
const maxMessages = 20;
const rateWindowMs = 10_000;
/** A client says at once what it knows, if it knows anything; one that is silent for this long goes on from the greeting. */
const silenceMs = 2000;
/** How long a client may take to answer a close. */
const closeTimeoutMs = 1000;

/** A change as it is sent. */
export interface Told {
  seq: number;
  text: string;
}

/** One open connection: what may still be sent, how much it says, whether it is alive. */
export class LiveClient {
  /** Whose places it takes, see clientNetwork. */
  readonly network: string;
  alive = true;
  readonly #socket: WebSocket;
  /** Numbers of changes, the first exclusive: what lies between was told on this connection, and nothing twice. */
  #after: number;
  #told: number;
  /** What happens before the client has said what it knows, and while older changes are looked up; null when nothing waits. */
  #heldBack: (() => void)[] | null = [];
  /** Ends the waiting for a client that says nothing. */
  readonly #silence: NodeJS.Timeout;
  #asking = false;
  #windowStart = 0;
  #messages = 0;

  /** @param told number of the newest change, from which the client goes on */
  constructor(socket: WebSocket, network: string, told: number) {
    this.#socket = socket;
    this.#after = told;
    this.#told = told;
    this.network = network;
    // What came in while the server stood still is heard first.
    this.#silence = setTimeout(() => setImmediate(() => this.goOn()), silenceMs).unref();
    socket.on('close', () => clearTimeout(this.#silence));
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
      this.sendText(text);
    }
  }

  /** Sends a request to read everything anew; the numbers of changes go on from there, even from a lower one. */
  resync(seq: number): void {
    if (this.#heldBack) this.#heldBack.push(() => this.resync(seq));
    else {
      this.#after = 0;
      this.#told = seq;
      this.send({ type: 'resync', seq });
    }
  }

  /** The client said what it knows: what is told waits until it has been answered. @returns false when it waits already */
  beginAnswer(): boolean {
    if (this.#asking) return false;
    this.#asking = true;
    this.#heldBack ??= [];
    return true;
  }

  /**
   * Tells what the client missed, in order; what waited follows, unless it was among that.
   *
   * @param since number of the newest change the client said it knows
   * @param list what changed after it; null when that cannot be told one by one
   * @param latest number of the newest change
   */
  answer(since: number, list: readonly Told[] | null, latest: number): void {
    const waiting = this.#takeHeldBack();
    const pushed = this.#told > this.#after;
    if (!pushed || since > this.#told) {
      if (list === null) this.resync(latest);
      else this.#goOnFrom(since, list);
      // It heard of newer changes before it said what it knows: those between cannot be told in order any more.
    } else if (since < this.#after) this.resync(Math.max(latest, this.#told));
    for (const send of waiting) send();
  }

  #goOnFrom(since: number, list: readonly Told[]): void {
    this.#after = since;
    this.#told = since;
    for (const { seq, text } of list) this.tell(seq, text);
  }

  /** Nothing is waited for any more: the client goes on from the greeting. */
  goOn(): void {
    if (this.#asking) return;
    for (const send of this.#takeHeldBack()) send();
  }

  #takeHeldBack(): (() => void)[] {
    clearTimeout(this.#silence);
    const waiting = this.#heldBack ?? [];
    this.#heldBack = null;
    this.#asking = false;
    return waiting;
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
