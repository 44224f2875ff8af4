import { onScopeDispose } from 'vue';

/**
 * Gathers many calls into few: the action runs `quietMs` after the last call, but no later than `mostMs` after the
 * first, so that an import of thousands of genes costs a reload every few seconds and one change is shown at once.
 */
export function useThrottled(action: () => void, quietMs: number, mostMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let deadline = 0;
  const run = (): void => {
    deadline = 0;
    action();
  };
  onScopeDispose(() => clearTimeout(timer));
  return () => {
    const now = Date.now();
    if (deadline === 0) deadline = now + mostMs;
    clearTimeout(timer);
    timer = setTimeout(run, Math.max(0, Math.min(quietMs, deadline - now)));
  };
}
