import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { DescribedError, Exit } from '../../process/errors.ts';
import { explainFailure, type NpmStep } from './failures.ts';
import type { Certificate, Fields, NpmVersion, ProxyHost } from './host-rules.ts';

interface Answer {
  status: number;
  body: unknown;
}

interface Failed {
  error?: { message?: string };
  debug?: { stack?: string[] | null };
}

interface SignedIn {
  token?: string;
  requires_2fa?: boolean;
  challenge_token?: string;
}

const TIMEOUT_MS = 60_000;
/** NPM waits for Let's Encrypt within the request. */
const CERTIFICATE_MS = 16 * 60_000;
/** Certbot's own words, in what NPM prints of its error. */
const CERTBOT = /Detail:|Some challenges|too many|rateLimited|Certbot failed|Timeout|unauthorized/i;

/** Nginx Proxy Manager's REST API. Every failure becomes a DescribedError whose sentence is true. */
export class NpmClient {
  readonly url: string;
  /** For the messages. */
  private readonly domain: string;
  private token = '';

  constructor(url: string, domain: string) {
    this.url = url.replace(/\/+$/, '');
    this.domain = domain;
  }

  /** The version; `setup` is false as long as there is no user, and anybody may become the first. */
  async status(): Promise<{ version: NpmVersion; setup: boolean }> {
    const body = (await this.ask('status', 'GET', '/api/')) as { version?: NpmVersion; setup?: boolean };
    if (typeof body?.version?.major !== 'number') throw this.fail('status', 200, undefined);
    return { version: body.version, setup: body.setup !== false };
  }

  /** @param code gives the two-factor code when NPM wants one */
  async signIn(identity: string, secret: string, code: () => Promise<string>): Promise<void> {
    const answer = (await this.ask('sign-in', 'POST', '/api/tokens', { identity, secret })) as SignedIn;
    const signedIn = answer.requires_2fa
      ? ((await this.ask('two-factor', 'POST', '/api/tokens/2fa', {
          challenge_token: answer.challenge_token,
          code: await code(),
        })) as SignedIn)
      : answer;
    this.token = signedIn.token ?? '';
  }

  async hosts(): Promise<ProxyHost[]> {
    return (await this.ask('read', 'GET', '/api/nginx/proxy-hosts?expand=certificate')) as ProxyHost[];
  }

  async host(id: number): Promise<ProxyHost> {
    return (await this.ask('read', 'GET', `/api/nginx/proxy-hosts/${id}`)) as ProxyHost;
  }

  async createHost(fields: Fields): Promise<ProxyHost> {
    return (await this.ask('write', 'POST', '/api/nginx/proxy-hosts', fields)) as ProxyHost;
  }

  async updateHost(id: number, fields: Fields): Promise<void> {
    await this.ask('write', 'PUT', `/api/nginx/proxy-hosts/${id}`, fields);
  }

  async removeHost(id: number): Promise<void> {
    await this.ask('remove', 'DELETE', `/api/nginx/proxy-hosts/${id}`);
  }

  async certificates(): Promise<Certificate[]> {
    return (await this.ask('read', 'GET', '/api/nginx/certificates')) as Certificate[];
  }

  async orderCertificate(body: object): Promise<Certificate> {
    return (await this.ask('certificate', 'POST', '/api/nginx/certificates', body)) as Certificate;
  }

  async removeCertificate(id: number): Promise<void> {
    await this.ask('remove', 'DELETE', `/api/nginx/certificates/${id}`);
  }

  private async ask(step: NpmStep, method: string, path: string, body?: object): Promise<unknown> {
    const answer = await this.send(method, path, body, step === 'certificate' ? CERTIFICATE_MS : TIMEOUT_MS);
    if (answer.status < 200 || answer.status > 299) throw this.fail(step, answer.status, answer.body);
    return answer.body;
  }

  private fail(step: NpmStep, status: number, body: unknown): DescribedError {
    const { error, debug } = (body ?? {}) as Failed;
    const certbot = step === 'certificate' ? debug?.stack?.find((line) => CERTBOT.test(line)) : undefined;
    const message = certbot?.trim() ?? error?.message ?? '';
    const told = explainFailure({ step, status, message, domain: this.domain, url: this.url });
    return new DescribedError(told.cause, told.hint, told.exitCode);
  }

  /** Not by `fetch`: it gives up after 5 minutes without an answer, and an order of a certificate may take 15. */
  private send(method: string, path: string, body: object | undefined, timeoutMs: number): Promise<Answer> {
    const request = this.url.startsWith('https:') ? requestHttps : requestHttp;
    const headers = {
      Accept: 'application/json',
      ...(body ? { 'Content-Type': 'application/json' } : {}),
      ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}),
    };
    return new Promise((resolve, reject) => {
      const asked = request(`${this.url}${path}`, {
        method,
        headers,
        signal: AbortSignal.timeout(timeoutMs),
      });
      asked.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', (error) => reject(this.unreachable(error)));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: parseJson(Buffer.concat(chunks).toString()) }),
        );
      });
      asked.on('error', (error) => reject(this.unreachable(error)));
      asked.end(body && JSON.stringify(body));
    });
  }

  private unreachable(error: NodeJS.ErrnoException): DescribedError {
    const reason =
      error.name === 'TimeoutError' ? 'it does not answer in time' : (error.code ?? error.message);
    return new DescribedError(
      `Nginx Proxy Manager cannot be asked at ${this.url}: ${reason}`,
      'NPM_URL=http://HOST:81 if it is elsewhere; a host without one: make npm-up',
      Exit.missing,
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
