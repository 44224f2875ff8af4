import { readFile } from 'node:fs/promises';
import { DescribedError, Exit } from '../../process/errors.ts';
import { ask } from '../../terminal/prompt.ts';
import type { NpmVersion } from './certificate-rules.ts';
import { NpmClient } from './client.ts';

/** NPM, signed in to. */
export interface SignedIn {
  npm: NpmClient;
  version: NpmVersion;
  identity: string;
}

/**
 * Signs in with NPM_IDENTITY and NPM_SECRET, NPM_SECRET_FILE or what is typed on the terminal; never from an argument, which
 * every user of the host can read.
 * @throws DescribedError with what is wrong
 */
export async function signIn(domain: string): Promise<SignedIn> {
  const npm = new NpmClient(readUrl(), domain);
  const { version, setup } = await npm.status();
  if (!setup) {
    throw new DescribedError(
      `NPM at ${npm.url} has no user yet: whoever opens it first becomes its administrator`,
      `open ${npm.url} now (from elsewhere: ${forwardCommand(npm.url)}) and make that user`,
    );
  }
  const identity = process.env.NPM_IDENTITY || (await ask('NPM e-mail address', false, 'set NPM_IDENTITY'));
  const secret =
    (await readSecret()) || (await ask('NPM password', true, 'set NPM_SECRET or NPM_SECRET_FILE'));
  await npm.signIn(identity, secret, readCode);
  return { npm, version, identity };
}

/** Where NPM's page is: NPM_URL, or this host's port of it, which `make npm-up` takes from NPM_ADMIN_PORT. */
export function defaultUrl(): string {
  return `http://127.0.0.1:${process.env.NPM_ADMIN_PORT || '81'}`;
}

/** The command that brings NPM's page, which this host sees at `url`, to port 8181 of another computer. */
export function forwardCommand(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `ssh -L 8181:${hostname}:${port || (protocol === 'https:' ? 443 : 80)} YOUR_VPS`;
}

function readUrl(): string {
  const url = process.env.NPM_URL || defaultUrl();
  if (URL.canParse(url) && /^https?:\/\//.test(url)) return url;
  throw new DescribedError(`NPM_URL is no address: ${url}`, `NPM_URL=${defaultUrl()}`, Exit.usage);
}

async function readSecret(): Promise<string | undefined> {
  const { NPM_SECRET: secret, NPM_SECRET_FILE: file } = process.env;
  if (secret || !file) return secret;
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new DescribedError(
      `NPM_SECRET_FILE cannot be read: ${file} (${reason})`,
      `ls -l ${file}`,
      Exit.usage,
    );
  }
}

async function readCode(): Promise<string> {
  const code =
    process.env.NPM_TOTP || (await ask('NPM two-factor code', false, 'set NPM_TOTP to a fresh code'));
  // Authenticator apps show it in groups.
  return code.replace(/[\s-]/g, '');
}
