import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { writeWhole } from './lib/process/files.ts';
import { ROOT } from './lib/process/root.ts';
import { $ } from './lib/process/shell.ts';
import { authorizedLine, holdsKey } from './lib/registry/deploy-rules.ts';
import { readNamedFile } from './lib/registry/settings.ts';
import { loadSettings } from './lib/stack/project.ts';
import { main } from './lib/terminal/cli.ts';
import { say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Lets a key deploy to this host over SSH as the user who runs this, and do nothing else. Without FILE it makes a pair and
prints the private key once: it goes into the secrets of your CI.

  make deploy-key                  a new pair
  make deploy-key FILE=ci.pub      a public key that you have
  npx tsx scripts/deploy-key.ts [FILE] [--remove]

  --remove   the key of FILE may not deploy any more`;

const keysFile = () => join(homedir(), '.ssh/authorized_keys');

/** @returns the public key, and the private one as text */
async function makePair(comment: string): Promise<{ publicKey: string; privateKey: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'deploy-key-'));
  const file = join(folder, 'key');
  try {
    await $`ssh-keygen -q -t ed25519 -N ${''} -C ${comment} -f ${file}`;
    return { publicKey: readFileSync(`${file}.pub`, 'utf8'), privateKey: readFileSync(file, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readLines(): string[] {
  return existsSync(keysFile()) ? readFileSync(keysFile(), 'utf8').split('\n').filter(Boolean) : [];
}

/** Whatever this key could do here before, from now on it may deploy, or nothing. */
function authorize(publicKey: string, line: string | undefined): void {
  mkdirSync(join(homedir(), '.ssh'), { recursive: true, mode: 0o700 });
  const others = readLines().filter((one) => !holdsKey(one, publicKey));
  writeWhole(keysFile(), [...others, ...(line ? [line] : []), ''].join('\n'), { mode: 0o600 });
}

main(import.meta.url, {
  usage: USAGE,
  options: { remove: { type: 'boolean' } },
  maxPositionals: 1,
  words: { FILE: '' },
  async run(flags, [file]) {
    if (flags.remove && !file)
      throw new DescribedError('Which key?', 'make deploy-key REMOVE=1 FILE=ci.pub', Exit.usage);
    const made = file ? undefined : await makePair(`${loadSettings().prefix}-deploy`);
    const publicKey = made?.publicKey ?? readNamedFile(file ?? '', 'FILE', 'give the file that ends in .pub');
    authorize(publicKey, flags.remove ? undefined : authorizedLine(publicKey, ROOT));
    if (flags.remove) return sayOk(`This key may not deploy any more (${keysFile()})`);
    if (made) say(made.privateKey);
    sayOk(
      `${made ? 'The key above' : 'This key'} may deploy to this host as ${userInfo().username}, and do nothing else`,
    );
    say(`  Try it: ssh -i KEY ${userInfo().username}@THIS_HOST health`);
  },
});
