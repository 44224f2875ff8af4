import { signToken } from '../../lib/secrets/rotation-rules.ts';
import type { TestStack } from './harness.ts';

const VALID_SECONDS = 7200;

/**
 * A token that lets its bearer edit genes for two hours.
 * @param key the API's SECRET_KEY
 */
export function makeToken(key: string): string {
  const exp = Math.floor(Date.now() / 1000) + VALID_SECONDS;
  return signToken(key, { sub: 'test', scope: 'genes:write', exp });
}

/**
 * Edits the name of a gene through nginx, again while the API is not ready, for 30 s at most.
 * @returns the answer's status: 401 for a token of another key, 404 for a good one where there is no such gene
 */
export async function editGene(stack: TestStack, key: string, symbol: string, name: string): Promise<string> {
  const headers = { authorization: `Bearer ${makeToken(key)}`, 'content-type': 'application/json' };
  const options = { method: 'PATCH', body: JSON.stringify({ name }), headers };
  const { stdout } = await stack.nodeOn(
    stack.settings.network,
    `const url = 'http://kidney-genetics-frontend/api/v1/genes/${symbol}';
     const ask = async () => (await fetch(url, ${JSON.stringify(options)})).status;
     let status = await ask();
     for (const end = Date.now() + 30_000; status === 503 && Date.now() < end; status = await ask());
     console.log(status);`,
  );
  return stdout.trim();
}
