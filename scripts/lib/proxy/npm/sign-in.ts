import { readFile } from 'node:fs/promises';
import { DescribedError, Exit } from '../../process/errors.ts';
import { ask } from '../../terminal/prompt.ts';
import { NpmClient } from './client.ts';
import type { NpmVersion } from './host-rules.ts';

const DEFAULT_URL = 'http://127.0.0.1:81';

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
      `open ${npm.url} now (from elsewhere: ssh -L 8181:127.0.0.1:81 YOUR_VPS) and make that user`,
    );
  }
  const identity = process.env.NPM_IDENTITY || (await ask('NPM e-mail address', false, 'set NPM_IDENTITY'));
  const secret =
    (await readSecret()) || (await ask('NPM password', true, 'set NPM_SECRET or NPM_SECRET_FILE'));
  await npm.signIn(identity, secret, readCode);
  return { npm, version, identity };
}

function readUrl(): string {
  const url = process.env.NPM_URL || DEFAULT_URL;
  if (URL.canParse(url) && /^https?:\/\//.test(url)) return url;
  throw new DescribedError(`NPM_URL is no address: ${url}`, `NPM_URL=${DEFAULT_URL}`, Exit.usage);
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
  return process.env.NPM_TOTP || ask('NPM two-factor code', false, 'set NPM_TOTP to a fresh code');
}
