import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Certificate } from '../lib/proxy/npm/certificate-rules.ts';
import type { ProxyHost } from '../lib/proxy/npm/host-rules.ts';
import { FakeNginx, type Served } from './fake-npm-nginx.ts';

/** How this NPM is, and what is wrong with it. */
export interface FakeOptions {
  minor?: number;
  /** What it says of itself where that is something else, as a build of somebody's own does. */
  tells?: { major: number; minor: number };
  setup?: boolean;
  /** Two-factor sign-in with this code. */
  code?: string;
  /** Zones that the http block of its nginx has. */
  zones?: string[];
  /** A configuration on its disk that nginx refuses: every change is a 500, written down all the same. */
  brokenDisk?: boolean;
  /** What certbot says. */
  certbot?: string;
  /** As before 2.15, the row of a failed order stays. */
  keepsFailedRow?: boolean;
  /** What nginx says to every proxy host. */
  emerg?: string;
  /** Domains that hosts of another kind have. */
  taken?: string[];
  /** The user may look but not write. */
  readOnly?: boolean;
  /** Its keys changed: no token is good. */
  forgetful?: boolean;
  /** Hours that its clock, which it gives without a zone, is ahead of UTC. */
  zoneHours?: number;
  /** Requests that are never answered: `PUT /api/nginx/proxy-hosts/1`. */
  hangs?: RegExp;
  /** Requests that are done, and their connection closed without an answer; the first of each. */
  loses?: RegExp;
  /** What it answers in place of what it would: any JSON. */
  says?: (line: string) => unknown;
}

type Reply = [status: number, body: unknown];
type Body = Record<string, unknown>;

const KEYS = new Set([
  ...['domain_names', 'forward_scheme', 'forward_host', 'forward_port', 'certificate_id', 'ssl_forced'],
  ...['hsts_enabled', 'hsts_subdomains', 'http2_support', 'block_exploits', 'caching_enabled'],
  ...['allow_websocket_upgrade', 'access_list_id', 'advanced_config', 'enabled', 'meta', 'locations'],
]);
const BOOLEANS = /^(ssl_forced|hsts_\w+|http2_support|block_exploits|caching_enabled|allow_\w+|enabled)$/;
const MONTH_MS = 30 * 86_400_000;

/** Nginx Proxy Manager 2.15's API as it was seen to answer, its nginx, status codes and traps included. */
export class FakeNpm {
  static readonly identity = 'admin@example.org';
  static readonly secret = 'correct horse battery staple';
  readonly options: FakeOptions;
  readonly hosts: ProxyHost[] = [];
  readonly certificates: Certificate[] = [];
  readonly nginx: FakeNginx;
  /** What was asked, sign-in left out: `PUT /api/nginx/proxy-hosts/1`. */
  readonly asked: string[] = [];
  private readonly server: Server;
  private readonly generations = new WeakMap<Socket, number>();
  private readonly lost = new Set<string>();
  private lastId = 0;

  constructor(options: FakeOptions = {}) {
    this.options = options;
    this.nginx = new FakeNginx(options.zones ?? [], options.emerg, options.brokenDisk ?? false);
    this.server = createServer(
      { keepAliveTimeout: 90_000 },
      (request, response) => void this.serve(request, response),
    );
    this.server.on('connection', (socket) => this.generations.set(socket, this.nginx.generation));
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

  /** What visitors get now, host by host. */
  get served(): Served[] {
    return [...this.nginx.running.values()];
  }

  /** What visitors would get after any other change in NPM. */
  get servedNext(): Served[] {
    return this.nginx.test() ? this.served : [...this.nginx.disk.values()];
  }

  /** A host that is there from the beginning, and served as its row says. */
  addHost(fields: Partial<ProxyHost>): ProxyHost {
    const host = this.insert(fields);
    this.nginx.write(host, this.certificates, true);
    if (this.nginx.test()) return host;
    this.nginx.reload();
    host.meta = { nginx_online: true, nginx_err: null, ...fields.meta };
    return host;
  }

  private insert(fields: Partial<ProxyHost>): ProxyHost {
    this.lastId += 1;
    const host: ProxyHost = {
      id: this.lastId,
      ...{ domain_names: [], forward_scheme: 'http', forward_host: '', forward_port: 80, certificate_id: 0 },
      ...{ allow_websocket_upgrade: false, block_exploits: false, caching_enabled: false, enabled: true },
      ...{ ssl_forced: false, http2_support: false, hsts_enabled: false, hsts_subdomains: false },
      ...{ advanced_config: '', access_list_id: 0, locations: [], modified_on: this.clock() },
      ...fields,
      meta: { ...fields.meta } as ProxyHost['meta'],
    };
    this.hosts.push(host);
    return host;
  }

  /** One of Let's Encrypt. @param lastsMs from now, @param bornMs before now, as a negative number */
  addCertificate(domains: string[], lastsMs: number, bornMs = -MONTH_MS): Certificate {
    return this.addRow('letsencrypt', domains, lastsMs, bornMs);
  }

  /** One that was uploaded: NPM takes the first attribute of the subject for its name. @param subject `O = Uni, CN = portal` */
  addUpload(subject: string, lastsMs: number): Certificate {
    return this.addRow('other', [/=\s*(\S+)/.exec(subject)?.[1] ?? subject], lastsMs, -MONTH_MS);
  }

  private addRow(provider: string, domains: string[], lastsMs: number, bornMs: number): Certificate {
    this.lastId += 1;
    const row = {
      ...{ id: this.lastId, provider, domain_names: domains },
      ...{ created_on: this.clock(bornMs), expires_on: this.clock(lastsMs) },
    };
    this.certificates.push(row);
    return row;
  }

  /** A time as SQLite gives it. */
  private clock(fromNowMs = 0): string {
    const zoneMs = (this.options.zoneHours ?? 0) * 3_600_000;
    return new Date(Date.now() + fromNowMs + zoneMs).toISOString().slice(0, 19).replace('T', ' ');
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Port 81 is served by the nginx that was reloaded: its old processes close what is kept.
    if ((this.generations.get(request.socket) ?? 0) < this.nginx.generation)
      return void request.socket.resetAndDestroy();
    let text = '';
    for await (const chunk of request) text += chunk;
    const { pathname } = new URL(request.url ?? '/', 'http://npm');
    const line = `${request.method} ${pathname}`;
    if (this.options.hangs?.test(line)) return;
    const [status, answer] = this.answer(request, pathname, text ? (JSON.parse(text) as Body) : {});
    if (this.options.loses?.test(line) && !this.lost.has(line)) {
      this.lost.add(line);
      return void request.socket.resetAndDestroy();
    }
    const body = this.options.says ? (this.options.says(line) ?? answer) : answer;
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  }

  private answer(request: IncomingMessage, path: string, body: Body): Reply {
    const { minor = 15, setup = true, forgetful } = this.options;
    const method = request.method ?? 'GET';
    if (path === '/api/')
      return [200, { status: 'OK', setup, version: { major: 2, minor, ...this.options.tells, revision: 1 } }];
    if (path === '/api/tokens') return this.signIn(body);
    if (path === '/api/tokens/2fa') {
      const good = body.code === this.options.code && body.challenge_token === 'challenge';
      return good ? [200, { token: 'good' }] : error(400, 'Invalid code');
    }
    this.asked.push(`${method} ${path}`);
    const { authorization } = request.headers;
    if (path.endsWith('/') || !authorization) return error(404, 'Not Found');
    if (authorization !== 'Bearer good' || forgetful) return error(500, 'Internal Error');
    if (this.options.readOnly && method !== 'GET') return error(403, 'Permission Denied');
    const [, kind, id] = /^\/api\/nginx\/([\w-]+)(?:\/(\d+))?$/.exec(path) ?? [];
    if (kind === 'proxy-hosts') return this.onHosts(method, Number(id), body);
    if (kind === 'certificates') return this.onCertificates(method, Number(id), body);
    if (kind === 'redirection-hosts') return [200, [{ id: 900, domain_names: this.options.taken ?? [] }]];
    return kind === 'dead-hosts' ? [200, []] : error(404, 'Not Found');
  }

  private signIn(body: Body): Reply {
    if (body.identity !== FakeNpm.identity || body.secret !== FakeNpm.secret) {
      return error(400, 'Invalid email or password');
    }
    if (this.options.code) return [200, { requires_2fa: true, challenge_token: 'challenge' }];
    return [200, { token: 'good', expires: '2030-01-01T00:00:00.000Z' }];
  }

  private onHosts(method: string, id: number, body: Body): Reply {
    const host = this.hosts.find((one) => one.id === id);
    if (method === 'GET' && !id) return [200, this.hosts];
    if (method !== 'POST' && !host) return error(404, `Not Found - ${id}`);
    if (method === 'GET') return [200, host];
    if (method === 'DELETE') {
      this.hosts.splice(this.hosts.indexOf(host as ProxyHost), 1);
      this.nginx.disk.delete(id);
      return this.finish(() => this.nginx.reload(), [200, true]);
    }
    const refusal = this.refuse(body, id);
    if (refusal) return error(400, refusal);
    const row = host ?? this.insert({});
    Object.assign(row, body, { modified_on: this.clock() });
    this.clean(row);
    // 201 and 200, whatever nginx says; and without what it said.
    return this.finish(() => row.enabled && this.configure(row), [host ? 200 : 201, { ...row, meta: {} }]);
  }

  private refuse(body: Body, id: number): string | undefined {
    const unknown = Object.entries(body).find(
      ([key, value]) => !KEYS.has(key) || (BOOLEANS.test(key) && typeof value !== 'boolean'),
    );
    if (unknown) return 'data must NOT have additional properties';
    const others = this.hosts.filter((one) => one.id !== id).flatMap(({ domain_names }) => domain_names);
    const used = [...others, ...(this.options.taken ?? [])];
    const clash = ((body.domain_names ?? []) as string[]).find((name) => used.includes(name));
    return clash && `${clash} is already in use`;
  }

  /** Without a certificate no TLS options, without forced TLS no HSTS. */
  private clean(row: ProxyHost): void {
    if (!row.certificate_id) Object.assign(row, { ssl_forced: false, http2_support: false });
    if (!row.ssl_forced) row.hsts_enabled = false;
    if (!row.hsts_enabled) row.hsts_subdomains = false;
  }

  private finish(work: () => void, reply: Reply): Reply {
    try {
      work();
      return reply;
    } catch (failure) {
      const [status, body] = error(500, 'Internal Error');
      return [status, Object.assign({}, body, { debug: { stack: ['CommandError', String(failure)] } })];
    }
  }

  private configure(host: ProxyHost): void {
    if (this.nginx.test()) throw new Error('before');
    this.nginx.write(host, this.certificates, true);
    const emerg = this.nginx.test();
    if (emerg) this.nginx.disk.delete(host.id);
    host.meta = emerg
      ? { ...host.meta, nginx_online: false, nginx_err: `nginx: [warn] something else\nnginx: ${emerg}` }
      : { ...host.meta, nginx_online: true, nginx_err: null };
    this.nginx.reload();
  }

  private onCertificates(method: string, id: number, body: Body): Reply {
    if (method === 'GET') return [200, this.certificates];
    if (method === 'DELETE') {
      this.dropCertificate(id);
      return [200, true];
    }
    const meta = Object.keys((body.meta ?? {}) as object).sort();
    const account = (this.options.minor ?? 15) >= 13 ? [] : ['letsencrypt_agree', 'letsencrypt_email'];
    if (meta.join() !== ['dns_challenge', ...account].join())
      return error(400, 'data/meta must NOT have additional properties');
    return this.order(body.domain_names as string[]);
  }

  /** The hosts of the names go off line for the order, and come back by their rows alone: without certificate and access list. */
  private order(names: string[]): Reply {
    const { certbot, keepsFailedRow } = this.options;
    const row = this.addCertificate(names, 0, 0);
    const own = this.hosts.filter(({ domain_names }) => domain_names.some((name) => names.includes(name)));
    for (const { id } of own) this.nginx.disk.delete(id);
    const failure = this.finish(() => this.nginx.reload(), [201, row]);
    for (const host of own) this.nginx.write(host, this.certificates, false);
    const after = this.finish(() => this.nginx.reload(), failure);
    if (certbot === undefined && after[0] === 201) {
      row.expires_on = this.clock(3 * MONTH_MS);
      return after;
    }
    if (!keepsFailedRow) this.dropCertificate(row.id);
    if (after[0] !== 201) return after;
    const stack = ['CommandError: Saving debug log to /data/logs/letsencrypt.log', certbot];
    return [500, { error: { code: 500, message: 'Internal Error' }, debug: { stack } }];
  }

  private dropCertificate(id: number): void {
    const index = this.certificates.findIndex((one) => one.id === id);
    if (index >= 0) this.certificates.splice(index, 1);
  }
}

function error(code: number, message: string): Reply {
  return [code, { error: { code, message } }];
}
