/**
 * A user's browsers, run by node in a container on the proxy's network or outside of any: asks the page and the API through the frontend at
 * a steady rate, whatever the answers, and edits genes. Prints one JSON line for each request once it is over.
 */
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import type { Asked, AskedKind } from './outage.ts';

const GIVE_UP_MS = 15_000;
const MAX_IN_FLIGHT = 60;
const PERIODS_MS = { page: 100, search: 100, edit: 200 } as const;

const { TOKEN_FILE = '/run/token', TARGET = 'http://kidney-genetics-frontend-service' } = process.env;
const token = readFileSync(TOKEN_FILE, 'utf8').trim();
let inFlight = 0;

interface Answer {
  status: number;
  body: string;
}

/** A new connection for each: what Nginx Proxy Manager does. */
function ask(path: string, edit?: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const host = 'kidney-genetics-frontend-service';
    const editing = { host, authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const asked = request(
      new URL(path, TARGET),
      edit ? { agent: false, method: 'PATCH', headers: editing } : { agent: false, headers: { host } },
      (response) => void collect(response).then(resolve, reject),
    );
    asked.on('error', reject);
    asked.setTimeout(GIVE_UP_MS, () => asked.destroy(new Error('no answer')));
    asked.end(edit && JSON.stringify(edit));
  });
}

async function collect(response: IncomingMessage): Promise<Answer> {
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode ?? 0, body };
}

async function note(kind: AskedKind, path: string, edit?: { name: string }): Promise<void> {
  if (inFlight >= MAX_IN_FLIGHT) return;
  inFlight += 1;
  const at = Date.now();
  const line: Asked = { kind, at, ms: 0, status: 0 };
  try {
    const { status, body } = await ask(path, edit);
    line.status = status;
    if (edit && status === 200) {
      const { symbol, name, seq } = JSON.parse(body) as { symbol: string; name: string; seq: number };
      line.edit = { symbol, name, seq };
    }
  } catch (error) {
    line.why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  }
  line.ms = Date.now() - at;
  inFlight -= 1;
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const first = JSON.parse((await ask('/api/v1/genes?pageSize=40')).body) as { items: { symbol: string }[] };
const symbols = first.items.map(({ symbol }) => symbol);
let count = 0;
setInterval(() => note('page', '/'), PERIODS_MS.page);
// Other searches each time: what the API has at hand from before would hide a database that is away.
setInterval(() => note('search', `/api/v1/genes?pageSize=5&page=${(count % 90) + 1}`), PERIODS_MS.search);
setInterval(() => {
  count += 1;
  note('edit', `/api/v1/genes/${symbols[count % symbols.length]}`, { name: `edit ${count}` });
}, PERIODS_MS.edit);
