import { app } from './lib/app/contract.ts';
import { beginChanges } from './lib/process/changes.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { issueToken, listIssued, readSigningKey, rememberToken, revokeToken } from './lib/secrets/tokens.ts';
import { checkOrder, findId, LONGEST_DAYS } from './lib/secrets/tokens-rules.ts';
import { loadEnvFile } from './lib/stack/env-file.ts';
import { openStack } from './lib/stack/open.ts';
import type { StackSettings } from './lib/stack/stack.ts';
import { main } from './lib/terminal/cli.ts';
import { formatTable, say, sayOk, sayWarning } from './lib/terminal/report.ts';

const USAGE = `
Makes a bearer token for somebody who edits, or takes one back. The token is printed once, alone on standard output, and kept
nowhere; its id, name and end are.

  make -s api-token NAME=... [DAYS=30] [SCOPE=${app.edit.scope}]   DAYS: ${LONGEST_DAYS} at the most
  make api-token REVOKE=ID                                   ID: that of the token, or its beginning
  make api-token LIST=1
  npx tsx scripts/api-token.ts --name NAME [--days N] [--scope WORDS] | --revoke ID | --list`;

function make(settings: StackSettings, name: string, days: string, scope: string): void {
  const order = checkOrder(name, days, scope);
  const { token, issued } = issueToken(readSigningKey(settings.prefix), {
    ...order,
    seconds: order.days * 86_400,
  });
  rememberToken(settings.prefix, issued);
  sayWarning(
    `For ${name}, until ${formatDay(issued.exp)}; to take it back: make api-token REVOKE=${issued.id}`,
  );
  say(token);
}

function list({ prefix }: StackSettings): void {
  const rows = listIssued(prefix).map(({ id, name, scope, exp }) => [id, name, scope, formatDay(exp)]);
  say(
    rows.length === 0 ? 'No token was made here' : formatTable([['ID', 'NAME', 'SCOPE', 'UNTIL'], ...rows]),
  );
}

function formatDay(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

main(import.meta.url, {
  usage: USAGE,
  options: {
    name: { type: 'string' },
    days: { type: 'string', default: '30' },
    scope: { type: 'string', default: app.edit.scope },
    revoke: { type: 'string' },
    list: { type: 'boolean' },
  },
  async run({ name, days, scope, revoke, list: listing }) {
    if ([name !== undefined, revoke !== undefined, listing].filter(Boolean).length !== 1)
      throw new DescribedError('Say one of --name, --revoke and --list', 'see --help', Exit.usage);
    const settings = await openStack();
    if (listing) return list(settings);
    beginChanges('api-token');
    if (name !== undefined) return make(settings, name, days, scope);
    const id = findId(revoke ?? '', listIssued(settings.prefix));
    await revokeToken(settings, await loadEnvFile(settings.envFile), id);
    sayOk(`The API refuses the token ${id} from now on`);
  },
});
