import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '../../lib/process/shell.ts';
import type { TestStack } from './harness.ts';

/** As Nginx Proxy Manager writes it for a proxy host; each page of a test counts as a client of its own. */
const NPM_LIKE = `
events { worker_connections 4096; }
pid /tmp/nginx.pid;
error_log stderr warn;
http {
  access_log off;
  client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c; uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;
  resolver 127.0.0.11 valid=10s ipv6=off;
  map $arg_client $from { default $remote_addr; "~^[0-9]+$" 203.0.113.$arg_client; }
  map $host $server { HOSTS }
  server {
    listen 80;
    set $forward_scheme http;
    set $port 80;
    location / {
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $http_connection;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-Scheme $scheme;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $from;
      proxy_read_timeout 90s;
      proxy_pass $forward_scheme://$server:$port$request_uri;
    }
  }
}`;

/** Its container, and its name on the proxy's network. */
export function npmLikeName(stack: TestStack): string {
  return `${stack.settings.prefix}-npm`;
}

/**
 * Starts an nginx that passes on to the frontend as Nginx Proxy Manager does.
 * @param options of `docker run`, such as a published port
 * @param forwards where other domains go: proxy hosts of their own
 */
export async function startNpmLike(
  stack: TestStack,
  options: readonly string[] = [],
  forwards: Readonly<Record<string, string>> = {},
): Promise<void> {
  const hosts = Object.entries({ default: stack.name('frontend'), ...forwards }).map(
    ([domain, host]) => `${domain} "${host}";`,
  );
  const config = join(stack.tmp, 'npm.conf');
  writeFileSync(config, NPM_LIKE.replace('HOSTS', hosts.join(' ')));
  const place = ['--name', npmLikeName(stack), '--network', stack.settings.network, '--tmpfs', '/tmp'];
  const image = `${stack.settings.prefix}-frontend:latest`;
  await mustRun(
    [
      ...['docker', 'run', '-d', ...place, ...options, '-v', `${config}:/npm.conf:ro`],
      ...['--entrypoint', 'nginx', image, '-e', 'stderr', '-c', '/npm.conf', '-g', 'daemon off;'],
    ],
    'see the output above',
  );
}
