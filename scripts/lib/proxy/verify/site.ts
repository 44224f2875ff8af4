import { type IncomingMessage, type OutgoingHttpHeaders, request as requestHttp } from 'node:http';
import { Agent, request as requestHttps } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Answer } from './rules.ts';
import { plainAddress } from './rules.ts';

const TIMEOUT_MS = 10_000;
const RETRY_MS = 500;
/** How often it is asked again: an earlier burst may have used up what the rate limit allows, a busy API turns some away. */
const RETRIES: Readonly<Record<number, number>> = { 429: 30, 503: 6 };

/** Where the site is, and how to know it. */
export interface Place {
  domain: string;
  /** The host or address to connect to. */
  host: string;
  port: number;
  plainPort: number;
  /** PEM text of a CA to believe besides the usual ones. */
  ca?: string;
}

interface Question {
  method?: string;
  headers?: OutgoingHttpHeaders;
}

/** The site as its visitors reach it, through the proxy. Who vouches for the certificate is asked by one check alone. */
export class Site {
  readonly place: Place;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 16 });
  private readonly known = new Map<string, Promise<Answer>>();

  constructor(place: Place) {
    this.place = place;
  }

  /** Asks over TLS; comes again when it is told to. */
  async ask(path: string, question: Question = {}): Promise<Answer> {
    for (let tries = 0; ; tries += 1) {
      const answer = await this.askOnce(path, question);
      if (tries >= (RETRIES[answer.status] ?? 0)) return answer;
      await sleep(RETRY_MS);
    }
  }

  /** `ask` without headers, once for all checks. */
  get(path: string): Promise<Answer> {
    const answer = this.known.get(path) ?? this.ask(path);
    this.known.set(path, answer);
    return answer;
  }

  /** The first script of the page. */
  async findAsset(): Promise<string> {
    const page = (await this.get('/')).body.toString();
    const [path] = /\/assets\/[\w.-]+\.js/.exec(page) ?? [];
    if (!path) throw new Error('the page names no script under /assets/');
    return path;
  }

  askOnce(path: string, { method = 'GET', headers = {} }: Question = {}): Promise<Answer> {
    const { domain, host, port } = this.place;
    const asked = requestHttps({
      ...{ host, port, path, method, agent: this.agent, servername: domain, timeout: TIMEOUT_MS },
      headers: { Host: domain, ...headers },
      rejectUnauthorized: false,
    });
    return answerTo(asked, `${method} ${path}`);
  }

  /** Asks over plain HTTP. */
  askPlain(path: string): Promise<Answer> {
    const { domain, host, plainPort } = this.place;
    const headers = { Host: domain };
    return answerTo(
      requestHttp({ host, port: plainPort, path, headers, agent: false, timeout: TIMEOUT_MS }),
      `GET http://${domain}${path}`,
    );
  }

  /** A TLS connection, which the caller ends. */
  connect(options: ConnectionOptions = {}): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ ...this.tlsOptions(), ...options });
      socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer within 10 s')));
      socket.once('secureConnect', () => {
        socket.setTimeout(0);
        resolve(socket);
      });
      socket.once('error', reject);
    });
  }

  tlsOptions(): ConnectionOptions {
    const { domain, host, port, ca } = this.place;
    return { host, port, servername: domain, rejectUnauthorized: false, ...(ca ? { ca } : {}) };
  }

  /** The address that this host asks from. */
  async localAddress(): Promise<string> {
    const socket = await this.connect();
    const address = plainAddress(socket.localAddress ?? '');
    socket.destroy();
    return address;
  }

  close(): void {
    this.agent.destroy();
  }
}

function answerTo(asked: ReturnType<typeof requestHttp>, what: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    asked.on('response', (response) => collect(what, response).then(resolve, reject));
    asked.on('timeout', () => asked.destroy(new Error(`${what} was not answered within 10 s`)));
    asked.on('error', reject);
    asked.end();
  });
}

async function collect(what: string, response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const headers = new Map<string, string[]>();
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    const [name = '', value = ''] = response.rawHeaders.slice(index, index + 2);
    const key = name.toLowerCase();
    headers.set(key, [...(headers.get(key) ?? []), value]);
  }
  return { what, status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks) };
}
