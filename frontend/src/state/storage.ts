import { type Ref, ref, watch } from 'vue';

const PREFIX = 'kidney-genetics.';

/**
 * A value that this browser remembers. It works without storage too (private windows), only not past a reload.
 * @param key its name, without the page's prefix
 * @param isValid tells whether what was found is still a value of this kind; an older page may have written it
 */
export function useStored<T>(key: string, isValid: (value: unknown) => value is T): Ref<T | null> {
  const stored = ref(read(PREFIX + key, isValid)) as Ref<T | null>;
  watch(stored, (value) => write(PREFIX + key, value));
  return stored;
}

function read<T>(key: string, isValid: (value: unknown) => value is T): T | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? 'null');
    return isValid(value) ? value : null;
  } catch {
    return null;
  }
}

function write(key: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // No room or not allowed: the choice holds until the page is left.
  }
}
