import { onScopeDispose, type Ref, ref, shallowRef, type WatchSource, watch } from 'vue';
import { ApiError } from '../api/error.ts';
import { onLiveResync, useLive } from '../live/use-live.ts';

/** How often a request that was asked to come back later (Retry-After) is repeated by itself. */
const MAX_OWN_RETRIES = 6;
const MAX_CACHED = 30;

export interface Resource<T> {
  /** The last answer; kept while a newer one is on its way and when that one fails. */
  data: Ref<T | null>;
  error: Ref<ApiError | null>;
  loading: Ref<boolean>;
  reload(): Promise<void>;
}

/**
 * Loads something and keeps it loaded: again when `source` changes (the request under way is aborted), again when the
 * live connection says that data may be out of date, and by itself when the server named a time to come back.
 * @param source what the request depends on
 * @param load makes the request
 * @param cache answers of this session by source, shown at once while they are asked for again (so that going back
 *   finds the page as it was, scroll position included)
 */
export function useResource<T, S>(
  source: WatchSource<S>,
  load: (value: S, signal: AbortSignal) => Promise<T>,
  cache?: Map<S, T>,
): Resource<T> {
  const data = shallowRef<T | null>(null) as Ref<T | null>;
  const error = shallowRef<ApiError | null>(null);
  const loading = ref(false);
  let controller: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let current: S;
  /** The data may have changed while they were on their way. */
  let again = false;

  async function run(ownRetries: number): Promise<void> {
    again = false;
    controller?.abort();
    clearTimeout(timer);
    const mine = new AbortController();
    controller = mine;
    loading.value = true;
    try {
      const answer = await load(current, mine.signal);
      if (mine.signal.aborted) return;
      data.value = answer;
      error.value = null;
      remember(answer);
    } catch (reason) {
      if (mine.signal.aborted) return;
      if (!(reason instanceof ApiError)) throw reason;
      error.value = reason;
      if (reason.retryAfterSeconds !== null && ownRetries < MAX_OWN_RETRIES) {
        timer = setTimeout(() => run(ownRetries + 1), pauseMs(reason.retryAfterSeconds, ownRetries));
      }
    } finally {
      if (controller === mine) settled();
    }
  }

  function settled(): void {
    loading.value = false;
    if (again) run(0);
  }

  function remember(answer: T): void {
    if (!cache) return;
    cache.delete(current);
    cache.set(current, answer);
    const oldest = cache.keys().next();
    if (cache.size > MAX_CACHED && !oldest.done) cache.delete(oldest.value);
  }

  watch(
    source,
    (value) => {
      current = value;
      data.value = cache?.get(value) ?? data.value;
      run(0);
    },
    { immediate: true },
  );
  const live = useLive().snapshot;
  watch(
    () => live.value.state === 'live',
    (back) => {
      if (back && error.value) run(0);
    },
  );
  onLiveResync(() => {
    if (loading.value) again = true;
    else run(0);
  });
  onScopeDispose(() => {
    controller?.abort();
    clearTimeout(timer);
  });

  return { data, error, loading, reload: () => run(0) };
}

/** As long as the server asked for, then twice that, and so on; up to a half more, so that not all pages come at once. */
function pauseMs(retryAfterSeconds: number, ownRetries: number): number {
  return retryAfterSeconds * 1_000 * 2 ** ownRetries * (1 + Math.random() / 2);
}
