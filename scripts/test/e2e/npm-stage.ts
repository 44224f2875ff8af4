import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, run } from '../../lib/process/shell.ts';
import { RATE, withRateLimit, zoneLine, zoneName } from '../../lib/proxy/npm/advanced-rules.ts';
import { type Context, type ProxyResult, runChecks } from '../../lib/proxy/verify/check.ts';
import { CHECKS, LAST } from '../../lib/proxy/verify/index.ts';
import { Site } from '../../lib/proxy/verify/site.ts';
import { loadSettings } from '../../lib/stack/project.ts';
import { type TestStack, until } from './harness.ts';

export const DOMAIN = 'genes.example.org';
const HINT = 'see above';

/** What is wrong with this proxy; nothing by default. */
export interface Faults {
  /** NPM's own HSTS beside ours. */
  hsts?: boolean;
  /** NPM's "Cache Assets". */
  cacheAssets?: boolean;
  /** A directive in the host's advanced configuration. */
  advanced?: string;
  /** What it tells of the client: its word where it gave one; X-Real-IP from anybody; nothing. */
  client?: 'its word' | 'any X-Real-IP' | 'nothing';
  oldTls?: boolean;
  certificateDays?: number;
  /** The certificate is for another name. */
  otherName?: boolean;
  /** Names that the host answers to beside the domain; the certificate is for them as well where that is said. */
  names?: readonly string[];
  namesCovered?: boolean;
  noRedirect?: boolean;
  noWebSocket?: boolean;
  noLimit?: boolean;
  noHttp2?: boolean;
  banner?: boolean;
  /** Seconds instead of NPM's 90. */
  readTimeout?: number;
}

/** nginx in front of a stack, set up in the form that Nginx Proxy Manager generates, with TLS by a CA of its own. */
export class NpmStage {
  readonly container: string;
  readonly outside: string;
  private readonly stack: TestStack;
  private readonly folder: string;
  address = '';

  constructor(stack: TestStack) {
    this.stack = stack;
    const { prefix } = stack.settings;
    this.container = `${prefix}-npm`;
    this.outside = `${prefix}-public`;
    this.folder = join(stack.tmp, 'npm');
  }

  get ca(): string {
    return join(this.folder, 'ca.pem');
  }

  /** Makes the CA and starts the proxy; its visitors come from public addresses, as on a server in the internet. */
  async start(): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    await this.makeCa();
    await this.configure({});
    const subnet = `198.18.${Math.floor(Math.random() * 256)}.0/24`;
    await this.docker('network', 'create', '--subnet', subnet, this.outside);
    await this.docker(
      ...[
        'create',
        '--name',
        this.container,
        '--network',
        this.outside,
        '--volume',
        `${this.folder}:/npm:ro`,
      ],
      ...['--tmpfs', '/tmp:uid=101,gid=101,mode=0700', `${loadSettings().prefix}-frontend:latest`],
      ...['nginx', '-e', 'stderr', '-c', '/npm/nginx.conf'],
    );
    await this.docker('network', 'connect', this.stack.settings.network, this.container);
    await this.docker('start', this.container);
    // Where NPM's nginx has its hosts.
    const link = 'mkdir -p /data/nginx && ln -s /npm /data/nginx/proxy_host';
    await this.docker('exec', '--user', '0', this.container, 'sh', '-c', link);
    await this.untilReady();
  }

  /** Breaks the proxy in one way, or fixes it; started anew, so that its rate limit has forgotten. */
  async become(faults: Faults): Promise<void> {
    await this.configure(faults);
    await this.docker('restart', '-t', '0', this.container);
    await this.untilReady();
  }

  /** All checks but the long WebSocket, which is asked where `seconds` says so. */
  async verify(seconds = 0): Promise<ProxyResult[]> {
    const site = new Site({
      domain: DOMAIN,
      host: this.address,
      port: 443,
      plainPort: 80,
      ca: await this.readCa(),
    });
    const context: Context = {
      site,
      settings: this.stack.settings,
      byDns: false,
      webSocketSeconds: seconds,
    };
    try {
      return await runChecks(CHECKS, LAST, context);
    } finally {
      site.close();
    }
  }

  async dispose(): Promise<void> {
    await run(['docker', 'rm', '--force', '--volumes', this.container]);
    await run(['docker', 'network', 'rm', '--force', this.outside]);
  }

  private async readCa(): Promise<string> {
    return (await run(['cat', this.ca])).stdout;
  }

  private async untilReady(): Promise<void> {
    const format = `{{(index .NetworkSettings.Networks "${this.outside}").IPAddress}}`;
    this.address = (await this.docker('inspect', '--format', format, this.container)).trim();
    const site = new Site({ domain: DOMAIN, host: this.address, port: 443, plainPort: 80 });
    await until('the proxy answers', 20_000, async () => (await site.askOnce('/health')).status === 200);
    site.close();
  }

  private async makeCa(): Promise<void> {
    await this.openssl(
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '90',
      ],
      ...['-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/O=Test CA/CN=Test CA'],
    );
  }

  private async makeCertificate(names: readonly string[], days: number): Promise<void> {
    await this.openssl(
      ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'],
      ...['-out', 'request.pem', '-subj', `/CN=${names[0]}`],
      ...['-addext', `subjectAltName=${names.map((name) => `DNS:${name}`).join()}`],
    );
    await this.openssl(
      ...['x509', '-req', '-in', 'request.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-copy_extensions', 'copy', '-days', String(days), '-out', 'certificate.pem'],
    );
    await mustRun(['chmod', '0644', 'key.pem'], HINT, { cwd: this.folder });
  }

  private async configure(faults: Faults): Promise<void> {
    const name = faults.otherName ? 'other.example.org' : DOMAIN;
    const more = faults.namesCovered ? (faults.names ?? []) : [];
    await this.makeCertificate([name, ...more], faults.certificateDays ?? 80);
    const zone = zoneName(this.stack.settings.prefix);
    writeFileSync(join(this.folder, 'nginx.conf'), formatNginx(faults, zone));
    writeFileSync(join(this.folder, 'proxy.conf'), formatProxy(faults));
    writeFileSync(
      join(this.folder, '1.conf'),
      formatHost(faults, `${this.stack.settings.prefix}-frontend`, zone),
    );
  }

  private async openssl(...args: string[]): Promise<void> {
    await mustRun(['openssl', ...args], 'apt-get install openssl', { cwd: this.folder });
  }

  private docker(...args: string[]): Promise<string> {
    return mustRun(['docker', ...args], HINT, { timeoutMs: 60_000 });
  }
}

/** The http block. */
function formatNginx({ banner, readTimeout = 90 }: Faults, zone: string): string {
  return `
daemon off;
pid /tmp/npm.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  default_type application/octet-stream;
  sendfile on;
  server_tokens ${banner ? 'on' : 'off'};
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  keepalive_timeout 90s;
  proxy_connect_timeout 90s;
  proxy_send_timeout 90s;
  proxy_read_timeout ${readTimeout}s;
  gzip on;
  client_max_body_size 2000m;
  proxy_http_version 1.1;
  proxy_set_header X-Forwarded-Scheme $scheme;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header Accept-Encoding "";
  proxy_cache off;
  proxy_cache_path /tmp/public levels=1:2 keys_zone=public-cache:2m max_size=16m;
  access_log off;
  resolver 127.0.0.11 valid=10s;
  map $http_x_forwarded_proto $x_forwarded_proto { http http; https https; default $scheme; }
  set_real_ip_from 10.0.0.0/8;
  set_real_ip_from 172.16.0.0/12;
  set_real_ip_from 192.168.0.0/16;
  real_ip_header X-Real-IP;
  map $http_x_forwarded_for $its_word { "" $remote_addr; default $http_x_forwarded_for; }
  real_ip_recursive on;
  ${zoneLine(zone)}
  include /npm/1.conf;
}
`;
}

/** What stands in each location that is passed on. */
function formatProxy({ client }: Faults): string {
  const told = { 'its word': '$its_word', nothing: '""', 'any X-Real-IP': '$proxy_add_x_forwarded_for' };
  const forwardedFor = told[client ?? 'any X-Real-IP'];
  return `
add_header X-Served-By $host;
proxy_set_header Host $host;
proxy_set_header X-Forwarded-Scheme $scheme;
proxy_set_header X-Forwarded-Proto $x_forwarded_proto;
proxy_set_header X-Forwarded-For ${forwardedFor};
proxy_set_header X-Real-IP $remote_addr;
proxy_pass $forward_scheme://$server:$port$request_uri;
`;
}

const FORCE_SSL = `
  set $test "";
  if ($scheme = "http") { set $test H; }
  if ($request_uri = /.well-known/acme-challenge/test-challenge) { set $test "\${test}T"; }
  if ($test = H) { return 301 https://$host$request_uri; }`;

const WEBSOCKET = `
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $http_connection;
    proxy_http_version 1.1;`;

const CACHE_ASSETS = `
  location ~* ^.*\\.(css|js|jpe?g|gif|png|webp|woff|woff2|ttf|svg|ico|css\\.map|js\\.map)$ {
    if_modified_since off;
    proxy_cache public-cache;
    proxy_cache_key $host$request_uri;
    proxy_ignore_headers Set-Cookie Cache-Control Expires X-Accel-Expires;
    proxy_cache_valid any 30m;
    proxy_cache_valid 404 1m;
    proxy_hide_header Last-Modified;
    proxy_hide_header Cache-Control;
    proxy_hide_header Vary;
    expires @30m;
    include /npm/proxy.conf;
  }`;

/** The server block of the proxy host. */
function formatHost(faults: Faults, forwardHost: string, zone: string): string {
  // An operator's own line: without it the rate limit's block brings one that believes nobody.
  const believing = faults.client === 'any X-Real-IP' ? 'set_real_ip_from 0.0.0.0/0;' : '';
  const protocols = faults.oldTls ? 'TLSv1 TLSv1.1 TLSv1.2 TLSv1.3' : 'TLSv1.2 TLSv1.3';
  const hsts = 'add_header Strict-Transport-Security "max-age=63072000; preload" always;';
  return `
server {
  set $forward_scheme http;
  set $server "${forwardHost}";
  set $port 80;
  listen 80;
  listen 443 ssl;
  http2 ${faults.noHttp2 ? 'off' : 'on'};
  server_name ${[DOMAIN, ...(faults.names ?? [])].join(' ')};
  ssl_certificate /npm/certificate.pem;
  ssl_certificate_key /npm/key.pem;
  ssl_protocols ${protocols};
  ${faults.oldTls ? 'ssl_ciphers DEFAULT@SECLEVEL=0;' : ''}
  ${faults.cacheAssets ? CACHE_ASSETS : ''}
  ${faults.noRedirect ? '' : FORCE_SSL}
  ${withRateLimit(faults.advanced ?? believing, faults.noLimit ? null : zone)}
  location / {
    ${faults.hsts ? hsts : ''}
    ${faults.noWebSocket ? '' : WEBSOCKET}
    include /npm/proxy.conf;
  }
}
`;
}

/** Requests that a burst may hold. */
export const BURST = RATE.burst;
