import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Certificate, ProxyHost } from '../lib/proxy/npm/host-rules.ts';

/** How this NPM is, and what is wrong with it. */
export interface FakeOptions {
  minor?: number;
  setup?: boolean;
  /** Two-factor sign-in with this code. */
  code?: string;
  /** Zones that the http block of its nginx has. */
  zones?: string[];
  /** A configuration on its disk that nginx refuses: every change is a 500, written down all the same. */
  brokenDisk?: boolean;
  /** What certbot says; the row of the order stays. */
  certbot?: string;
  /** What nginx says to every proxy host. */
  emerg?: string;
  /** Domains that hosts of another kind have. */
  taken?: string[];
  /** The user may look but not write. */
  readOnly?: boolean;
  /** Its keys changed: no token is good. */
  forgetful?: boolean;
}

const KEYS = new Set([
  ...['domain_names', 'forward_scheme', 'forward_host', 'forward_port', 'certificate_id', 'ssl_forced'],
  ...['hsts_enabled', 'hsts_subdomains', 'http2_support', 'block_exploits', 'caching_enabled'],
  ...['allow_websocket_upgrade', 'access_list_id', 'advanced_config', 'enabled', 'meta', 'locations'],
]);
const MONTH_MS = 30 * 86_400_000;

/** Nginx Proxy Manager's API as it was seen to answer, status codes and traps included. */
export class FakeNpm {
  static readonly identity = 'admin@example.org';
  static readonly secret = 'correct horse battery staple';
  readonly options: FakeOptions;
  readonly hosts: ProxyHost[] = [];
  readonly certificates: Certificate[] = [];
  /** What was asked, sign-in left out: `PUT /api/nginx/proxy-hosts/1`. */
  readonly asked: string[] = [];
  private readonly server: Server;
  private lastId = 0;

  constructor(options: FakeOptions = {}) {
    this.options = options;
    this.server = createServer((request, response) => void this.serve(request, response));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    const address = this.server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Only the requests that change something. */
  get changes(): string[] {
    return this.asked.filter((line) => !line.startsWith('GET'));
  }

  addHost(fields: Partial<ProxyHost>): ProxyHost {
    this.lastId += 1;
    const host: ProxyHost = {
      id: this.lastId,
      ...{ domain_names: [], forward_scheme: 'http', forward_host: '', forward_port: 80, certificate_id: 0 },
      ...{ allow_websocket_upgrade: false, block_exploits: false, caching_enabled: false, enabled: true },
      ...{ ssl_forced: false, http2_support: false, hsts_enabled: false, hsts_subdomains: false },
      ...{ advanced_config: '', locations: [], meta: {} },
      ...fields,
    };
    this.hosts.push(host);
    return host;
  }

  addCertificate(domains: string[], lastsMs: number, bornMs = -MONTH_MS): Certificate {
    this.lastId += 1;
    const at = (ms: number) => new Date(Date.now() + ms).toISOString();
    const certificate = {
      id: this.lastId,
      provider: 'letsencrypt',
      domain_names: domains,
      created_on: at(bornMs),
      expires_on: at(lastsMs),
    };
    this.certificates.push(certificate);
    return certificate;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { pathname } = new URL(request.url ?? '/', 'http://npm');
    const body = text ? (JSON.parse(text) as Record<string, unknown>) : {};
    const [status, answer] = this.answer(request, pathname, body);
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
  }

  private answer(request: IncomingMessage, path: string, body: Record<string, unknown>): [number, unknown] {
    const { minor = 15, setup = true, forgetful } = this.options;
    const method = request.method ?? 'GET';
    if (path === '/api/') return [200, { status: 'OK', setup, version: { major: 2, minor, revision: 1 } }];
    if (path === '/api/tokens') return this.signIn(body);
    if (path === '/api/tokens/2fa') {
      const good = body.code === this.options.code && body.challenge_token === 'challenge';
      return good ? [200, { token: 'good' }] : error(400, 'Invalid code');
    }
    this.asked.push(`${method} ${path}`);
    if (path.endsWith('/')) return error(404, 'Not Found');
    const { authorization } = request.headers;
    if (!authorization) return error(404, 'Not Found');
    if (authorization !== 'Bearer good' || forgetful) return error(500, 'Internal Error');
    if (this.options.readOnly && method !== 'GET') return error(403, 'Permission Denied');
    const [, kind, id] = /^\/api\/nginx\/(proxy-hosts|certificates)(?:\/(\d+))?$/.exec(path) ?? [];
    if (kind === 'proxy-hosts') return this.onHosts(method, Number(id), body);
    if (kind === 'certificates') return this.onCertificates(method, Number(id), body);
    return error(404, 'Not Found');
  }

  private signIn(body: Record<string, unknown>): [number, unknown] {
    if (body.identity !== FakeNpm.identity || body.secret !== FakeNpm.secret) {
      return error(400, 'Invalid email or password');
    }
    if (this.options.code) return [200, { requires_2fa: true, challenge_token: 'challenge' }];
    return [200, { token: 'good', expires: '2030-01-01T00:00:00.000Z' }];
  }

  private onHosts(method: string, id: number, body: Record<string, unknown>): [number, unknown] {
    const host = this.hosts.find((one) => one.id === id);
    if (method === 'GET' && !id) return [200, this.hosts];
    if (method !== 'POST' && !host) return error(404, `Item Not Found - ${id}`);
    if (method === 'GET') return [200, host];
    if (method === 'DELETE') {
      this.hosts.splice(this.hosts.indexOf(host as ProxyHost), 1);
      return [200, true];
    }
    const unknown = Object.keys(body).find((key) => !KEYS.has(key));
    if (unknown) return error(400, 'data must NOT have additional properties');
    const names = (body.domain_names ?? []) as string[];
    const clash = names.find((name) => this.isTaken(name, id));
    if (clash) return error(400, `${clash} is already in use`);
    if (body.certificate_id === 0 || !body.certificate_id) delete body.certificate_id;
    const row = host ?? this.addHost({});
    Object.assign(row, body);
    if (this.options.brokenDisk) return error(500, 'Internal Error');
    this.configure(row);
    // 201 and 200, whatever nginx says; and without what it said.
    return [method === 'POST' ? 201 : 200, { ...row, meta: {} }];
  }

  private isTaken(name: string, id: number): boolean {
    const others = this.hosts.filter((one) => one.id !== id).flatMap(({ domain_names }) => domain_names);
    return [...others, ...(this.options.taken ?? [])].includes(name);
  }

  private configure(host: ProxyHost): void {
    const [, zone] = /limit_req zone=(\w+)/.exec(host.advanced_config) ?? [];
    const noZone = zone && !this.options.zones?.includes(zone);
    const emerg = noZone ? `[emerg] zero size shared memory zone "${zone}"` : this.options.emerg;
    host.meta = emerg
      ? { nginx_online: false, nginx_err: `nginx: [warn] something else\nnginx: ${emerg}` }
      : { nginx_online: true, nginx_err: null };
  }

  private onCertificates(method: string, id: number, body: Record<string, unknown>): [number, unknown] {
    if (method === 'GET') return [200, this.certificates];
    if (method === 'DELETE') {
      this.certificates.splice(
        this.certificates.findIndex((one) => one.id === id),
        1,
      );
      return [200, true];
    }
    const meta = Object.keys((body.meta ?? {}) as object).sort();
    const wanted =
      (this.options.minor ?? 15) >= 13
        ? ['dns_challenge']
        : ['dns_challenge', 'letsencrypt_agree', 'letsencrypt_email'];
    if (meta.join() !== wanted.join()) return error(400, 'data/meta must NOT have additional properties');
    const failed = this.options.certbot !== undefined;
    const row = this.addCertificate(body.domain_names as string[], failed ? 0 : 3 * MONTH_MS, 0);
    if (!failed) return [201, row];
    return [
      500,
      {
        error: { code: 500, message: 'Internal Error' },
        debug: { stack: ['CommandError: Saving debug log', this.options.certbot] },
      },
    ];
  }
}

function error(code: number, message: string): [number, unknown] {
  return [code, { error: { code, message } }];
}
