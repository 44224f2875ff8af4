import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong between a client and its server. */
export type Fault = 'none' | 'cut' | 'full' | 'lock';

/** Stands between the client and a real S3 server, and does what networks and providers do. */
export class FaultyNetwork {
  fault: Fault = 'none';
  /** Part of the name of an object that lies in an archive. */
  archived: string | undefined;
  readonly locked: string[] = [];
  private readonly server: Server;
  private readonly target: number;

  constructor(target: number) {
    this.target = target;
    this.server = createServer((incoming, answer) => this.pass(incoming, answer));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private pass(incoming: IncomingMessage, answer: ServerResponse): void {
    const { url = '', method, headers } = incoming;
    if (this.fault === 'cut' && method === 'PUT') {
      incoming.once('data', () => incoming.socket.destroy());
      return;
    }
    if (this.fault === 'full' && method === 'PUT') {
      const text = '<Error><Code>QuotaExceeded</Code><Message>The bucket is full</Message></Error>';
      incoming
        .resume()
        .on('end', () => answer.writeHead(403, { 'content-type': 'application/xml' }).end(text));
      return;
    }
    if (this.archived && method === 'GET' && url.includes(`/${this.archived}`)) {
      const text = '<Error><Code>InvalidObjectState</Code><Message>It lies in an archive</Message></Error>';
      answer.writeHead(403, { 'content-type': 'application/xml' }).end(text);
      return;
    }
    if (this.fault === 'lock' && /[?&]object-lock/.test(url)) {
      const text =
        '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>';
      answer.writeHead(200, { 'content-type': 'application/xml' }).end(text);
      return;
    }
    const until = headers['x-amz-object-lock-retain-until-date'];
    if (until) this.locked.push(`${method} ${headers['x-amz-object-lock-mode']} ${until}`);
    const onward = request({ host: '127.0.0.1', port: this.target, path: url, method, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    // Who reads the beginning of a dump alone hangs up.
    answer.on('close', () => onward.destroy());
    incoming.pipe(onward);
  }
}
