import type { StackSettings } from '../../stack/stack.ts';
import { type Finding, fail, type Result } from '../../verify/check.ts';
import { findObstacle } from './reach.ts';
import type { Site } from './site.ts';

/** What the checks ask, and how far they go. */
export interface Context {
  site: Site;
  settings: StackSettings;
  /** False when --connect names the place: then DNS has nothing to say. */
  byDns: boolean;
  /** How long the WebSocket has to stay open; 0 for not at all. */
  webSocketSeconds: number;
}

/** The families of the checks, in the order in which they are shown. */
export const FAMILY_TITLES = {
  reach: 'Whether the site answers at all',
  transport: 'From the name to an encrypted connection',
  content: 'What the visitor gets is what our nginx sent',
  client: 'Who the API thinks is asking',
  live: 'What stays open',
  limit: 'How much one address may ask',
} as const;
type Family = keyof typeof FAMILY_TITLES;

/** A check's outcome, as it is reported. */
export type ProxyResult = Result<Family>;

/** One thing that has to hold through the proxy. */
export interface ProxyCheck {
  id: string;
  family: Family;
  /** What is asked, as a statement that holds. */
  title: string;
  /** The rule that it comes from. */
  source: string;
  /** What to do when it fails. */
  fix: string;
  run(context: Context): Promise<ProxyFinding>;
}

/** A finding that may know better than its check what to do. */
export type ProxyFinding = Finding & { fix?: string };

const REACH = {
  id: 'reach',
  family: 'reach',
  title: 'The page comes through the proxy',
  source: 'asked first',
} as const;

/**
 * Asks whether the site answers; where it does not, that is the one result. Then asks side by side, except for those that come last, one by one: a burst of requests would disturb the others.
 * @param onResult is told each result as it comes
 */
export async function runChecks(
  checks: readonly ProxyCheck[],
  last: readonly ProxyCheck[],
  context: Context,
): Promise<ProxyResult[]> {
  const obstacle = await findObstacle(context);
  if (obstacle) return [{ ...REACH, ...obstacle }];
  const results = await Promise.all(checks.map((check) => runCheck(check, context)));
  for (const check of last) results.push(await runCheck(check, context));
  return results;
}

async function runCheck(check: ProxyCheck, context: Context): Promise<ProxyResult> {
  const { id, family, title, source, fix } = check;
  const finding = await check.run(context).catch((error: Error) => fail(error.message));
  return { id, family, title, source, fix, ...finding };
}
