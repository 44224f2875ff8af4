import { onScopeDispose, type Ref, ref, shallowRef } from 'vue';
import { getHealth, isAlive } from '../api/client.ts';
import { ApiError } from '../api/error.ts';

const EVERY_MS = 10_000;
/** How many results are kept: five minutes' worth. */
export const KEPT = 30;

export type PartState = 'ok' | 'bad' | 'unknown';

export interface Health {
  api: PartState;
  database: PartState;
  /** What is wrong, in the server's own words where there are any. */
  reason: string | null;
  requestId: string | null;
  /** From this browser to the API, its database and back. */
  latencyMs: number | null;
  /** From the API to its database and back. */
  databaseMs: number | null;
  checkedAt: number;
}

/**
 * Asks for the health of the API and its database every ten seconds while the page is looked at.
 * @returns the last result, the latencies (oldest first, null where there was no good answer), and a way to ask at once
 */
export function useHealth(): {
  health: Ref<Health | null>;
  latencies: Ref<readonly (number | null)[]>;
  checking: Ref<boolean>;
  check(): Promise<void>;
} {
  const health = shallowRef<Health | null>(null);
  const latencies = shallowRef<readonly (number | null)[]>([]);
  const checking = ref(false);
  const controller = new AbortController();

  async function check(): Promise<void> {
    if (checking.value) return;
    checking.value = true;
    try {
      const result = await probe(controller.signal);
      if (!result || controller.signal.aborted) return;
      health.value = result;
      latencies.value = [...latencies.value, result.latencyMs].slice(-KEPT);
    } finally {
      checking.value = false;
    }
  }

  const timer = setInterval(() => {
    if (document.visibilityState === 'visible') check();
  }, EVERY_MS);
  onScopeDispose(() => {
    clearInterval(timer);
    controller.abort();
  });
  check();

  return { health, latencies, checking, check };
}

/**
 * Asks for readiness and, when that fails, whether the API is alive: then it is its database that does not answer.
 * Without an answer of the API nothing is known about the database.
 */
async function probe(signal: AbortSignal): Promise<Health | null> {
  const checkedAt = Date.now();
  try {
    const { latencyMs, readiness } = await getHealth(signal);
    const databaseMs = readiness.database.latencyMs;
    return { api: 'ok', database: 'ok', reason: null, requestId: null, latencyMs, databaseMs, checkedAt };
  } catch (error) {
    if (!(error instanceof ApiError)) return null;
    const alive = error.kind === 'problem' && (await isAlive(signal));
    const parts = alive
      ? ({ api: 'ok', database: 'bad' } as const)
      : ({ api: 'bad', database: 'unknown' } as const);
    return {
      ...parts,
      reason: error.detail,
      requestId: error.requestId,
      latencyMs: null,
      databaseMs: null,
      checkedAt,
    };
  }
}
