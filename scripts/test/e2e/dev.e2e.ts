import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { ROOT } from '../../lib/process/root.ts';
import { run } from '../../lib/process/shell.ts';
import { freePort, TestStack, until } from './harness.ts';

describe('development stack', () => {
  let stack: TestStack;
  let page: string;
  let api: string;

  before(async () => {
    stack = await TestStack.create('dev');
    const [frontend, backend, postgres] = await Promise.all([freePort(), freePort(), freePort()]);
    stack.env.DEV_FRONTEND_PORT = String(frontend);
    stack.env.DEV_BACKEND_PORT = String(backend);
    stack.env.DEV_POSTGRES_PORT = String(postgres);
    page = `http://127.0.0.1:${frontend}`;
    api = `http://127.0.0.1:${backend}`;
    await stack.mustScript('dev', ['up']);
  });
  after(async () => {
    await stack?.script('dev', ['down']);
    await run(['docker', 'volume', 'rm', `${stack?.settings.prefix}-dev-postgres-data`]);
    await stack?.dispose();
  });

  it('serves the page, and the API behind it, on 127.0.0.1', async () => {
    assert.match(await (await fetch(page)).text(), /@vite\/client/);
    const genes = (await (await fetch(`${page}/api/v1/genes`)).json()) as { total: number };
    assert.ok(genes.total > 60);
  });

  it('starts the API anew when one of its files changes', async () => {
    const uptime = async () =>
      ((await (await fetch(`${api}/api/health`)).json()) as { uptimeSeconds: number }).uptimeSeconds;
    await until('an uptime that can fall', 120_000, async () => (await uptime()) >= 3);
    touch('backend/src/server.ts');
    const touchedAt = Date.now();
    // However long it takes to answer: it began after the change.
    await until('a new API process', 120_000, async () => (await uptime()) < (Date.now() - touchedAt) / 1000);
  });

  it('tells the open page when one of its files changes', async () => {
    const client = await (await fetch(`${page}/@vite/client`)).text();
    const token = /wsToken = "([^"]+)"/.exec(client)?.[1];
    // Vite watches what a page has asked for.
    await (await fetch(`${page}/src/main.ts`)).text();
    let told = '';
    const socket = new WebSocket(`${page}/?token=${token}`, 'vite-hmr');
    socket.on('message', (message) => {
      told += String(message);
    });
    await until('the page connected', 120_000, async () => told.includes('"connected"'));
    touch('frontend/src/main.ts');
    await until('the order to reload', 120_000, async () => told.includes('"full-reload"'));
    socket.terminate();
  });
});

/** As an editor does that saves a file without a change. */
function touch(file: string): void {
  const now = new Date();
  utimesSync(join(ROOT, file), now, now);
}
