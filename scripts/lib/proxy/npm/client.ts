import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribedError, Exit } from '../../process/errors.ts';
import { readCertificate, readCertificates, readHost, readHosts, readVersion } from './answer-rules.ts';
import type { Certificate, NpmVersion } from './certificate-rules.ts';
import { explainFailure, type NpmStep } from './failures.ts';
import type { Fields, Meta, ProxyHost } from './host-rules.ts';

interface Reply {
  status: number;
  body: unknown;
  /** The answer is nginx's own, to plain HTTP on a port for TLS. */
  wantsTls: boolean;
}

/** How long NPM may take, in ms. It waits for Let's Encrypt within the request. */
const PATIENCE = { request: 60_000, certificate: 16 * 60_000 };
const READ_TRIES = 3;
/** Hundreds of hosts are a few hundred KB. */
const MAX_ANSWER_BYTES = 16 * 1024 ** 2;
/** Certbot's own words, in what NPM prints of its error. */
const CERTBOT = /Detail:|Some challenges|too many|rateLimited|Certbot failed|Timeout|unauthorized/i;

/** Nothing came back: whether a change was made is not known. */
export class NoAnswer extends DescribedError {
  readonly inTime: boolean;

  constructor(url: string, reason: string, inTime: boolean) {
    super(
      `Nginx Proxy Manager cannot be asked at ${url}: ${reason}`,
      /CERT|SIGNATURE|ALTNAME/.test(reason)
        ? 'NODE_EXTRA_CA_CERTS=FILE with the certificate that it shows, and the name that is in there as NPM_URL'
        : 'NPM_URL=http://HOST:81 if it is elsewhere; a host without one: make npm-up',
      Exit.missing,
    );
    this.inTime = inTime;
  }
}

/** Nginx Proxy Manager's REST API. Every failure becomes a DescribedError whose sentence is true. */
export class NpmClient {
  readonly url: string;
  /** For the messages. */
  private readonly domain: string;
  private readonly patience: typeof PATIENCE;
  private token = '';

  constructor(url: string, domain: string, patience = PATIENCE) {
    this.url = url.replace(/\/+$/, '');
    this.domain = domain;
    this.patience = patience;
  }

  /** The version; `setup` is false as long as there is no user, and anybody may become the first. */
  async status(): Promise<{ version: NpmVersion; setup: boolean }> {
    const reply = await this.ask('status', 'GET', '/api/');
    const version = this.form('status', reply, readVersion);
    return { version, setup: (reply.body as { setup?: unknown }).setup !== false };
  }

  /** @param code gives the two-factor code when NPM wants one */
  async signIn(identity: string, secret: string, code: () => Promise<string>): Promise<void> {
    const first = await this.ask('sign-in', 'POST', '/api/tokens', { identity, secret });
    const { requires_2fa, challenge_token } = (first.body ?? {}) as Record<string, unknown>;
    const last = requires_2fa
      ? await this.ask('two-factor', 'POST', '/api/tokens/2fa', { challenge_token, code: await code() })
      : first;
    this.token = this.form('sign-in', last, (body) => {
      const { token } = (body ?? {}) as Record<string, unknown>;
      // It goes into a header.
      return typeof token === 'string' && /^[\w.~+/=-]+$/.test(token) ? token : undefined;
    });
  }

  async hosts(): Promise<ProxyHost[]> {
    return this.form(
      'read',
      await this.ask('read', 'GET', '/api/nginx/proxy-hosts?expand=certificate'),
      readHosts,
    );
  }

  /** The names of hosts of another kind; none where the user may not see them. */
  async otherNames(): Promise<string[]> {
    const kinds = ['redirection-hosts', 'dead-hosts'];
    const lists = await Promise.all(
      kinds.map((kind) => this.ask('read', 'GET', `/api/nginx/${kind}`).catch(() => undefined)),
    );
    return lists.flatMap((reply) => readHosts(reply?.body) ?? []).flatMap(({ domain_names }) => domain_names);
  }

  async host(id: number): Promise<ProxyHost> {
    return this.form('read', await this.ask('read', 'GET', `/api/nginx/proxy-hosts/${id}`), readHost);
  }

  async createHost(fields: Fields): Promise<ProxyHost> {
    return this.form('write', await this.ask('write', 'POST', '/api/nginx/proxy-hosts', fields), readHost);
  }

  async updateHost(id: number, fields: Fields & { meta?: Meta }): Promise<void> {
    await this.ask('write', 'PUT', `/api/nginx/proxy-hosts/${id}`, fields);
  }

  async removeHost(id: number): Promise<void> {
    await this.ask('remove', 'DELETE', `/api/nginx/proxy-hosts/${id}`);
  }

  async certificates(): Promise<Certificate[]> {
    return this.form('read', await this.ask('read', 'GET', '/api/nginx/certificates'), readCertificates);
  }

  async orderCertificate(body: object): Promise<Certificate> {
    const reply = await this.ask('certificate', 'POST', '/api/nginx/certificates', body);
    return this.form('certificate', reply, readCertificate);
  }

  async removeCertificate(id: number): Promise<void> {
    await this.ask('remove', 'DELETE', `/api/nginx/certificates/${id}`);
  }

  /** Reads are asked again when the connection breaks; a change is not, since it may have been made. */
  private async ask(step: NpmStep, method: string, path: string, body?: object): Promise<Reply> {
    for (let tries = 1; ; tries += 1) {
      try {
        const reply = await this.send(method, path, body, step === 'certificate');
        if (reply.status >= 200 && reply.status <= 299) return reply;
        throw this.refusal(step, reply);
      } catch (error) {
        const again = error instanceof NoAnswer && error.inTime && method === 'GET';
        if (!again || tries === READ_TRIES) throw error;
        await sleep(300);
      }
    }
  }

  /** @throws DescribedError where an answer has not the form that NPM gives it */
  private form<T>(step: NpmStep, reply: Reply, read: (body: unknown) => T | undefined): T {
    const value = read(reply.body);
    if (value === undefined) throw this.refusal(step === 'certificate' ? 'write' : step, reply);
    return value;
  }

  private refusal(step: NpmStep, { status, body, wantsTls }: Reply): DescribedError {
    if (wantsTls) {
      const tls = this.url.replace(/^http:/, 'https:');
      return new DescribedError(`${this.url} wants TLS, as NPMplus does`, `NPM_URL=${tls}`, Exit.missing);
    }
    const { error, debug } = (body ?? {}) as { error?: { message?: unknown }; debug?: { stack?: unknown } };
    const stack = step === 'certificate' && Array.isArray(debug?.stack) ? debug.stack.map(String) : [];
    const nginx = stack.find((line) => line.includes('[emerg]'));
    const message =
      (nginx ?? stack.find((line) => CERTBOT.test(line)))?.trim() ??
      (typeof error?.message === 'string' ? error.message : '');
    const failed = { status, message, domain: this.domain, url: this.url };
    return explainFailure({ ...failed, step: nginx ? 'write' : step });
  }

  /**
   * Each request has a connection of its own: port 81 is served by the nginx that NPM reloads after each change, which ends kept ones.
   * Not by `fetch`: it gives up after 5 minutes without an answer, and an order of a certificate may take 15.
   */
  private send(method: string, path: string, body: object | undefined, isOrder: boolean): Promise<Reply> {
    const request = this.url.startsWith('https:') ? requestHttps : requestHttp;
    const signal = AbortSignal.timeout(isOrder ? this.patience.certificate : this.patience.request);
    const headers = {
      Accept: 'application/json',
      ...(body ? { 'Content-Type': 'application/json' } : {}),
      ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}),
    };
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => {
        const reason = signal.aborted ? 'it does not answer in time' : (error.code ?? error.message);
        reject(new NoAnswer(this.url, reason, !signal.aborted));
      };
      const asked = request(`${this.url}${path}`, { method, headers, signal, agent: false });
      asked.on('response', (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) asked.destroy(new Error('its answer is larger than any of NPM'));
          else chunks.push(chunk);
        });
        response.on('error', fail);
        response.on('end', () => resolve(readReply(response.statusCode, Buffer.concat(chunks).toString())));
      });
      asked.on('error', fail);
      asked.end(body && JSON.stringify(body));
    });
  }
}

function readReply(status = 0, text: string): Reply {
  return { status, body: parseJson(text), wantsTls: status === 400 && /plain HTTP request/.test(text) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
