import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, run } from '../../lib/process/shell.ts';
import { changeEnvFile } from '../../lib/stack/env-file.ts';
import { freePort, type TestStack, until } from './harness.ts';

const HINT = 'see the output above';
const PROGRAM = '/usr/bin/docker-registry';
export const USER = 'kit';
export const PASSWORD = 'throw-away-password';
/** Of that password, by bcrypt, as the registry wants it. */
const HTPASSWD = 'kit:$2y$05$3o5o1fC6oCkmNEygopyrjeJj5v4KMTQ.yGLQ8VY5rMvPTCItJcBdG\n';

/** Debian's registry with TLS by a CA of its own and a password, in a container that may do as little as the kit's. */
export class RegistryStage {
  readonly container: string;
  /** Of the registry's keys and of what signs; it goes with the stack's throwaway files. */
  readonly folder: string;
  private readonly image: string;
  private readonly size: string | undefined;
  private port = 0;
  /** Of the engine's own bridge. */
  private gateway = '';

  /** @param size of its disk, such as 20m; without one it has the host's, which survives its end */
  constructor(stack: TestStack, size?: string) {
    this.container = `${stack.settings.prefix}-${size ? 'small-' : ''}registry`;
    this.folder = join(stack.tmp, size ? 'small-registry' : 'registry');
    this.image = `${stack.settings.prefix}-frontend:latest`;
    this.size = size;
  }

  /** On loopback, with its CA known to the engine and to every client. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The same one where nobody here knows its CA. */
  get unknownAddress(): string {
    return `${this.gateway}:${this.port}`;
  }

  /** The same one by the address of its container, which is not in its certificate. */
  async readAddress(): Promise<string> {
    const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    return `${(await this.docker('inspect', '--format', format, this.container)).trim()}:5000`;
  }

  async start(): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    this.port = await freePort();
    const format = '{{(index .IPAM.Config 0).Gateway}}';
    this.gateway = (await this.docker('network', 'inspect', '--format', format, 'bridge')).trim();
    writeFileSync(join(this.folder, 'htpasswd'), HTPASSWD);
    writeFileSync(join(this.folder, 'config.yml'), CONFIG);
    await Promise.all([this.fetchProgram(), this.makeCertificate()]);
    await mustRun(['chmod', '-R', 'a+rX', this.folder], HINT);
    await this.makeDisk();
    await this.run();
    mkdirSync(this.trusted, { recursive: true });
    await mustRun(['cp', join(this.folder, 'ca.pem'), join(this.trusted, 'ca.crt')], HINT);
  }

  /** Starts it, again after `stop`, with the data that it has. */
  async run(): Promise<void> {
    await this.docker(
      ...['run', '--detach', '--name', this.container, '--user', '1000:1000', '--read-only'],
      ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--memory', '256m', '--no-healthcheck'],
      ...['--volume', `${this.folder}:/registry:ro`, '--volume', `${this.volume}:/data`],
      ...[this.address, this.unknownAddress].flatMap((one) => ['--publish', `${one}:5000`]),
      ...['--entrypoint', '/registry/docker-registry'],
      ...[this.image, 'serve', '/registry/config.yml'],
    );
    const ask = ['curl', '-sS', '--cacert', join(this.folder, 'ca.pem'), `https://${this.address}/v2/`];
    await until('the registry answers', 30_000, async () => (await run(ask)).exitCode === 0, 100);
  }

  async stop(): Promise<void> {
    await run(['docker', 'rm', '-f', this.container]);
  }

  /** Begins anew, with nothing. */
  async empty(): Promise<void> {
    await this.stop();
    await run(['docker', 'volume', 'rm', this.volume]);
    await this.makeDisk();
    await this.run();
  }

  async dispose(): Promise<void> {
    await this.stop();
    await run(['docker', 'volume', 'rm', this.volume]);
    rmSync(this.trusted, { recursive: true, force: true });
  }

  /** Has a stack push to it, or deploy from it. */
  async signIn(stack: TestStack): Promise<void> {
    const password = join(this.folder, 'password');
    writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
    await changeEnvFile(stack.settings.envFile, {
      ...{ REGISTRY: `${this.address}/team`, REGISTRY_USER: USER },
      REGISTRY_PASSWORD_FILE: password,
    });
  }

  /** Makes a pair of keys that sign releases. @returns their files */
  async makeKeys(name: string): Promise<{ key: string; publicKey: string }> {
    const argv = ['cosign', 'generate-key-pair', '--output-key-prefix', name];
    await mustRun(argv, HINT, { cwd: this.folder, env: { COSIGN_PASSWORD: KEY_PASSWORD } });
    return { key: join(this.folder, `${name}.key`), publicKey: join(this.folder, `${name}.pub`) };
  }

  private get volume(): string {
    return `${this.container}-data`;
  }

  private get trusted(): string {
    return `/etc/docker/certs.d/${this.address}`;
  }

  private async makeDisk(): Promise<void> {
    const options = this.size ? ['type=tmpfs', 'device=tmpfs', `o=size=${this.size},uid=1000`] : [];
    await this.docker('volume', 'create', ...options.flatMap((one) => ['--opt', one]), this.volume);
    if (this.size) return;
    const chown = ['--user', '0', '--entrypoint', 'chown', '--volume', `${this.volume}:/data`, this.image];
    await this.docker('run', '--rm', ...chown, '1000:1000', '/data');
  }

  /** From its package, which is not installed: there it would be a service of this host. */
  private async fetchProgram(): Promise<void> {
    const target = join(this.folder, 'docker-registry');
    if (existsSync(PROGRAM)) return void (await mustRun(['cp', PROGRAM, target], HINT));
    const download = ['apt-get', 'download', '-q', 'docker-registry'];
    const inFolder = { cwd: this.folder };
    if ((await run(download, inFolder)).exitCode !== 0) {
      await mustRun(['apt-get', 'update', '-q'], HINT);
      await mustRun(download, HINT, inFolder);
    }
    const [file = ''] = readdirSync(this.folder).filter((name) => name.endsWith('.deb'));
    await mustRun(['dpkg-deb', '--extract', file, 'unpacked'], HINT, inFolder);
    await mustRun(['mv', `unpacked${PROGRAM}`, target], HINT, inFolder);
  }

  private async makeCertificate(): Promise<void> {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const openssl = (...args: string[]) =>
      mustRun(['openssl', ...args], 'apt-get install openssl', { cwd: this.folder });
    const files = ['-keyout', 'ca.key', '-out', 'ca.pem'];
    await openssl('req', '-x509', ...key, '-days', '30', ...files, '-subj', '/CN=Test CA');
    const names = ['-subj', '/CN=registry', '-addext', `subjectAltName=IP:127.0.0.1,IP:${this.gateway}`];
    await openssl('req', ...key, '-keyout', 'key.pem', '-out', 'request.pem', ...names);
    const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copy'];
    await openssl('x509', '-req', '-in', 'request.pem', ...ca, '-days', '30', '-out', 'cert.pem');
  }

  private docker(...args: string[]): Promise<string> {
    return mustRun(['docker', ...args], HINT, { timeoutMs: 120_000 });
  }
}

/** Opens the keys of `makeKeys`. */
export const KEY_PASSWORD = 'test';

const CONFIG = `version: 0.1
log: { level: warn }
storage: { filesystem: { rootdirectory: /data } }
http: { addr: ":5000", tls: { certificate: /registry/cert.pem, key: /registry/key.pem } }
auth: { htpasswd: { realm: kit, path: /registry/htpasswd } }
`;
