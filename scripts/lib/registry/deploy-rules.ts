import { DescribedError, Exit } from '../process/errors.ts';

/** What somebody with a deploy key may ask for. */
export type DeployRequest = { do: 'update'; from: string } | { do: 'health' };

/**
 * Reads what an SSH client asked for (sshd(8), SSH_ORIGINAL_COMMAND): `update RELEASE`, `update` for the latest, or `health`.
 * @throws DescribedError (exit 2) for anything else; nothing of it is run
 */
export function parseRequest(text: string): DeployRequest {
  const words = text.trim().split(/ +/);
  if (words.length === 1 && words[0] === 'health') return { do: 'health' };
  const [verb, from = 'latest'] = words;
  if (verb === 'update' && words.length <= 2 && /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(from)) {
    return { do: 'update', from };
  }
  throw new DescribedError(
    'This key may do nothing but deploy',
    'ssh HOST update RELEASE, ssh HOST update, or ssh HOST health',
    Exit.usage,
  );
}

/**
 * The line of authorized_keys that lets a key do that alone: no terminal, no forwarding, no other command
 * (sshd(8), "AUTHORIZED_KEYS FILE FORMAT", restrict and command).
 * @param folder the checkout; refused where it has characters that would end the quotes
 */
export function authorizedLine(publicKey: string, folder: string): string {
  const [type = '', data = '', ...comment] = publicKey.trim().split(/ +/);
  if (!/^[a-z0-9@.-]+$/.test(type) || !/^[A-Za-z0-9+/]+=*$/.test(data)) {
    throw new DescribedError('This is no public key of SSH', 'give the file that ends in .pub', Exit.usage);
  }
  if (!/^[A-Za-z0-9/._ -]+$/.test(folder)) {
    throw new DescribedError(
      `The path ${folder} has characters that a forced command cannot hold`,
      'move the checkout',
      Exit.usage,
    );
  }
  const words = comment.join(' ').replace(/[^A-Za-z0-9@._ -]/g, '');
  return `restrict,command="cd '${folder}' && exec make -s deploy" ${type} ${data} ${words}`.trimEnd();
}

/** Whether a line of authorized_keys lets this very key in, whatever it may do. */
export function holdsKey(line: string, publicKey: string): boolean {
  const data = publicKey.trim().split(/ +/)[1];
  return data !== undefined && line.split(/ +/).includes(data);
}
