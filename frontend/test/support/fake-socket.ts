import type { ServerMessage } from '../../src/live/messages.ts';

/** Stands in for the browser's WebSocket: the test plays the server. */
export class FakeSocket extends EventTarget {
  static readonly OPEN = 1;
  static opened: FakeSocket[] = [];

  readonly url: string;
  readyState = 0;
  sent: unknown[] = [];

  constructor(url: string) {
    super();
    this.url = url;
    FakeSocket.opened.push(this);
  }

  /** The connection opened last. */
  static get last(): FakeSocket {
    const socket = FakeSocket.opened.at(-1);
    if (!socket) throw new Error('no connection has been opened');
    return socket;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  /** The server says something. */
  says(message: ServerMessage | string): void {
    this.readyState = FakeSocket.OPEN;
    const data = typeof message === 'string' ? message : JSON.stringify(message);
    this.dispatchEvent(new MessageEvent('message', { data }));
  }

  greets(seq: number, version = '1.0.0', heartbeatSeconds = 20): void {
    this.says({ type: 'hello', seq, version, heartbeatSeconds });
  }

  /** The server, or the network, ends the connection. */
  drops(code = 1006): void {
    this.readyState = 3;
    const event = new Event('close');
    Object.defineProperty(event, 'code', { value: code });
    this.dispatchEvent(event);
  }
}
