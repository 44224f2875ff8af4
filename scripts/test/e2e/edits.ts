import { issueToken } from '../../lib/secrets/tokens.ts';
import type { TestStack } from './harness.ts';

const VALID_SECONDS = 7200;

/**
 * A token that lets its bearer edit genes for two hours.
 * @param key the API's SECRET_KEY
 */
export function makeToken(key: string): string {
  return issueToken(key, { name: 'test', scope: 'genes:write', seconds: VALID_SECONDS }).token;
}

/**
 * Edits the name of a gene through nginx, again while the API is not ready, for 30 s at most.
 * @param key that signs a token, or the token itself
 * @returns the answer's status: 401 for a token of another key, 404 for a good one where there is no such gene
 */
export async function editGene(
  stack: TestStack,
  key: string,
  symbol: string,
  name: string,
  isToken = false,
): Promise<string> {
  const token = isToken ? key : makeToken(key);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const options = { method: 'PATCH', body: JSON.stringify({ name }), headers };
  const { stdout } = await stack.nodeOn(
    stack.settings.network,
    `const url = 'http://${stack.name('frontend')}/api/v1/genes/${symbol}';
     const ask = async () => (await fetch(url, ${JSON.stringify(options)})).status;
     let status = await ask();
     for (const end = Date.now() + 30_000; status === 503 && Date.now() < end; status = await ask());
     console.log(status);`,
  );
  return stdout.trim();
}
