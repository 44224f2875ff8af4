import WebSocket from 'ws';

/** One message of the server. */
export type Message = {
  type: string;
  seq: number;
  symbol?: string;
  op?: string;
  gene?: { name: string } | null;
} & Record<string, unknown>;

/** A WebSocket client that keeps what it was told. */
export class LiveSocket {
  readonly socket: WebSocket;
  readonly messages: Message[] = [];
  /** Resolves when the connection is closed, with code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>;
  #wake: () => void = () => {};

  /** @param url of the server, http://... */
  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/ws/genes`, { headers });
    this.socket.on('message', (data) => {
      this.messages.push(JSON.parse(String(data)) as Message);
      this.#wake();
    });
    this.closed = new Promise((resolve, reject) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
      this.socket.on('error', reject);
    });
    this.closed.catch(() => {});
  }

  /** Connects, and waits for the greeting. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<LiveSocket> {
    const client = new LiveSocket(url, headers);
    await client.until('hello');
    return client;
  }

  /** Waits for the next message of a kind that was not waited for yet. */
  async until(type: string, timeoutMs = 15_000): Promise<Message> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const index = this.messages.findIndex((message) => message.type === type);
      const [message] = index < 0 ? [] : this.messages.splice(0, index + 1).slice(-1);
      if (message) return message;
      const left = end - Date.now();
      if (left <= 0) throw new Error(`no ${type} within ${timeoutMs} ms`);
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
        this.closed.then(({ code }) => reject(new Error(`closed with ${code}`)), reject);
      });
    }
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  close(): Promise<unknown> {
    this.socket.close();
    return this.closed;
  }
}
