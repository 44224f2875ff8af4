import { listStack } from '../../lib/stack/containers.ts';
import { until } from '../e2e/harness.ts';
import type { Fault, Size } from './faults.ts';
import { compareLedger } from './ledger.ts';
import { type Asked, type AskedKind, isGood, type View, viewOf } from './outage.ts';
import type { FaultStage } from './stage.ts';

const HEAL_TIMEOUT_MS = 150_000;

/** What came of a fault. */
export interface Outcome {
  title: string;
  views: Record<AskedKind, View>;
  /** From the end of the cause until every container was healthy and nothing failed any more. */
  healedMs: number;
  /** Containers that the engine started anew. */
  restarted: string[];
  /** Edits acknowledged while it lasted, and those of them that the database does not hold. */
  acknowledged: number;
  lost: string[];
  found: string;
}

/** Brings a fault about, waits until all is well again with nobody doing anything, and looks at what users saw. */
export async function runFault(stage: FaultStage, fault: Fault, size: Size): Promise<Outcome> {
  const { stack } = stage;
  const users = fault.outside ? await stage.startOutsideUsers() : stage.users;
  const startsOf = async () =>
    new Map((await listStack(stack.settings)).map(({ name, startedAt }) => [name, startedAt]));
  const before = await startsOf();
  const begin = Date.now();
  await fault.cause(stage, size);
  const over = Date.now();
  await until(`${fault.title}: restarted`, HEAL_TIMEOUT_MS, async () => {
    const now = await startsOf();
    return (fault.restarts ?? []).every(
      (service) => now.get(stack.name(service)) !== before.get(stack.name(service)),
    );
  });
  await stack.untilHealthy(HEAL_TIMEOUT_MS);
  const healthy = Date.now();
  await users.untilServed(HEAL_TIMEOUT_MS);
  const asked = (await users.asked(begin)).filter(({ at }) => at >= begin);
  if (fault.outside) await users.stop();
  const after = await startsOf();
  const restarted = [...after]
    .filter(([name, startedAt]) => before.get(name) !== startedAt)
    .map(([name]) => name.replace(`${stack.settings.prefix}-`, ''));
  if (fault.restartsNothing && restarted.length > 0)
    throw new Error(`${restarted.join(', ')} restarted, and nothing was wrong with it`);
  return {
    title: fault.title,
    views: { page: viewOf(asked, 'page'), search: viewOf(asked, 'search'), edit: viewOf(asked, 'edit') },
    healedMs: Math.max(healthy, lastFailureOf(asked)) - over,
    restarted,
    ...(await compareLedger(stack, asked)),
    found: (await fault.find?.(stage)) ?? '',
  };
}

function lastFailureOf(asked: readonly Asked[]): number {
  return Math.max(0, ...asked.filter((one) => !isGood(one)).map(({ at, ms }) => at + ms));
}
