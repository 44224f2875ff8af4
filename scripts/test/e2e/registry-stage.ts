import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, run } from '../../lib/process/shell.ts';
import { makeDebianImage } from '../debian-image.ts';
import { freePort, TEST_PREFIX, type TestStack, until } from './harness.ts';

const HINT = 'see the output above';
const IMAGE = `${TEST_PREFIX}-registry`;
export const USER = 'kit';
export const PASSWORD = 'throw-away-password';

/** Debian's registry with TLS by a CA of its own and a password, in a container that may do as little as the kit's. */
export class RegistryStage {
  readonly container: string;
  private readonly folder: string;
  private readonly volume: string;
  private port = 0;

  constructor(stack: TestStack) {
    this.container = `${stack.settings.prefix}-registry`;
    this.volume = `${this.container}-data`;
    this.folder = join(stack.tmp, 'registry');
  }

  /** On loopback, with its CA known to the engine and to every client. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The same one by the address of its container, whose CA nobody here knows. */
  async unknownAddress(): Promise<string> {
    const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    return `${(await this.docker('inspect', '--format', format, this.container)).trim()}:5000`;
  }

  async start(): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    this.port = await freePort();
    await makeDebianImage(IMAGE, ['docker-registry', 'apache2-utils'], this.folder);
    const passwords = await this.docker('run', '--rm', IMAGE, 'htpasswd', '-Bbn', USER, PASSWORD);
    writeFileSync(join(this.folder, 'htpasswd'), passwords.trim());
    writeFileSync(join(this.folder, 'config.yml'), CONFIG);
    await this.makeCertificate();
    await this.docker('volume', 'create', this.volume);
    await this.docker(
      ...[
        'run',
        '--rm',
        '--user',
        '0',
        '--volume',
        `${this.volume}:/data`,
        IMAGE,
        'chown',
        '1000:1000',
        '/data',
      ],
    );
    await this.run();
    mkdirSync(this.trusted, { recursive: true });
    await mustRun(['cp', join(this.folder, 'ca.pem'), join(this.trusted, 'ca.crt')], HINT);
  }

  /** Starts it, again after `stop`, with the data that it has. */
  async run(): Promise<void> {
    await this.docker(
      ...[
        'run',
        '--detach',
        '--name',
        this.container,
        '--user',
        '1000:1000',
        '--read-only',
        '--cap-drop',
        'ALL',
      ],
      ...['--security-opt', 'no-new-privileges', '--memory', '256m', '--publish', `${this.address}:5000`],
      ...['--volume', `${this.folder}:/registry:ro`, '--volume', `${this.volume}:/data`],
      ...[IMAGE, 'docker-registry', 'serve', '/registry/config.yml'],
    );
    const ask = ['curl', '-sS', '--cacert', join(this.folder, 'ca.pem'), `https://${this.address}/v2/`];
    await until('the registry answers', 30_000, async () => (await run(ask)).exitCode === 0, 100);
  }

  async stop(): Promise<void> {
    await run(['docker', 'rm', '-f', this.container]);
  }

  async dispose(): Promise<void> {
    await this.stop();
    await run(['docker', 'volume', 'rm', this.volume]);
    await run(['docker', 'rmi', IMAGE]);
    rmSync(this.trusted, { recursive: true, force: true });
  }

  private get trusted(): string {
    return `/etc/docker/certs.d/${this.address}`;
  }

  private async makeCertificate(): Promise<void> {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const openssl = (...args: string[]) =>
      mustRun(['openssl', ...args], 'apt-get install openssl', { cwd: this.folder });
    await openssl(
      'req',
      '-x509',
      ...key,
      '-days',
      '30',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=Test CA',
    );
    const names = ['-subj', '/CN=registry', '-addext', 'subjectAltName=IP:127.0.0.1'];
    await openssl('req', ...key, '-keyout', 'key.pem', '-out', 'request.pem', ...names);
    const ca = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copy'];
    await openssl('x509', '-req', '-in', 'request.pem', ...ca, '-days', '30', '-out', 'cert.pem');
    await mustRun(['chmod', '-R', 'a+rX', this.folder], HINT);
  }

  private docker(...args: string[]): Promise<string> {
    return mustRun(['docker', ...args], HINT, { timeoutMs: 120_000 });
  }
}

const CONFIG = `version: 0.1
log: { level: warn }
storage: { filesystem: { rootdirectory: /data } }
http: { addr: ":5000", tls: { certificate: /registry/cert.pem, key: /registry/key.pem } }
auth: { htpasswd: { realm: kit, path: /registry/htpasswd } }
`;
