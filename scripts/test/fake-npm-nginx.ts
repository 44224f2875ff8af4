import type { Certificate } from '../lib/proxy/npm/certificate-rules.ts';
import type { ProxyHost } from '../lib/proxy/npm/host-rules.ts';

/** What nginx serves of a proxy host: whatever of its row comes into its configuration. */
export interface Served {
  names: readonly string[];
  to: string;
  webSocket: boolean;
  cacheAssets: boolean;
  /** The certificate's number; 0 for plain HTTP alone. */
  certificate: number;
  forceSsl: boolean;
  accessList: number;
  advanced: string;
}

/** NPM's nginx: the files on its disk, and what it runs since its last reload. */
export class FakeNginx {
  zones: readonly string[];
  /** What it says to every proxy host. */
  emerg: string | undefined;
  /** What it has against one host's configuration. */
  refuse: (served: Served) => string | undefined = () => undefined;
  /** A configuration of another host on the disk that it refuses. */
  broken: boolean;
  /** Counts reloads: a connection from before one is closed. */
  generation = 0;
  readonly disk = new Map<number, Served>();
  running = new Map<number, Served>();

  constructor(zones: readonly string[], emerg: string | undefined, broken: boolean) {
    this.zones = zones;
    this.emerg = emerg;
    this.broken = broken;
  }

  /** `nginx -t`: undefined when it has nothing against what is on the disk. */
  test(): string | undefined {
    if (this.broken) return '[emerg] unknown directive "oops" in /data/nginx/proxy_host/99.conf:30';
    if (this.disk.size > 0 && this.emerg) return this.emerg;
    return [...this.disk]
      .map(([id, served]) => this.refuse(served) ?? this.testText(id, served.advanced))
      .find(Boolean);
  }

  private testText(id: number, advanced: string): string | undefined {
    const text = advanced.replace(/#.*$/gm, '');
    const file = `in /data/nginx/proxy_host/${id}.conf:40`;
    const directives = text.split(';').map((one) => one.trim());
    if (/\boops\b/.test(text)) return `[emerg] unknown directive "oops" ${file}`;
    if (directives.filter((one) => one.startsWith('limit_req_status')).length > 1)
      return `[emerg] "limit_req_status" directive is duplicate ${file}`;
    const zones = directives.flatMap((one) => /^limit_req\s.*zone=(\w+)/.exec(one)?.[1] ?? []);
    const unknown = zones.find((zone) => !this.zones.includes(zone));
    if (unknown) return `[emerg] zero size shared memory zone "${unknown}"`;
    return new Set(zones).size < zones.length
      ? `[emerg] "limit_req" directive is duplicate ${file}`
      : undefined;
  }

  /** @throws Error where the disk is not right */
  reload(): void {
    const error = this.test();
    if (error) throw new Error(error);
    this.running = new Map(this.disk);
    this.generation += 1;
  }

  /** Writes a host's file. @param expanded without it NPM's template sees neither certificate nor access list */
  write(host: ProxyHost, certificates: readonly Certificate[], expanded: boolean): void {
    this.disk.delete(host.id);
    if (!host.enabled) return;
    const has = expanded && certificates.some(({ id }) => id === host.certificate_id);
    this.disk.set(host.id, {
      names: [...host.domain_names].sort(),
      to: `${host.forward_scheme}://${host.forward_host}:${host.forward_port}`,
      webSocket: Boolean(host.allow_websocket_upgrade),
      cacheAssets: Boolean(host.caching_enabled),
      certificate: has ? host.certificate_id : 0,
      forceSsl: has && Boolean(host.ssl_forced),
      accessList: expanded ? host.access_list_id : 0,
      advanced: host.advanced_config,
    });
  }
}
