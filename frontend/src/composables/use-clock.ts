import { onScopeDispose, type Ref, ref } from 'vue';

/**
 * The time (epoch milliseconds), kept up to date.
 * @param everyMs how often, in milliseconds
 */
export function useClock(everyMs = 1_000): Readonly<Ref<number>> {
  const now = ref(Date.now());
  const timer = setInterval(() => {
    now.value = Date.now();
  }, everyMs);
  onScopeDispose(() => clearInterval(timer));
  return now;
}
