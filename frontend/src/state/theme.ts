import { type ComputedRef, computed, watchEffect } from 'vue';
import { useStored } from './storage.ts';

const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

/**
 * The theme and the step to the next one. public/theme.js applies the same stored value before the first paint.
 */
export function useTheme(): { theme: ComputedRef<Theme>; next: ComputedRef<Theme>; toggle(): void } {
  const stored = useStored<'light' | 'dark'>('theme', (value) => value === 'light' || value === 'dark');
  const theme = computed<Theme>(() => stored.value ?? 'system');
  const next = computed<Theme>(() => THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system');
  watchEffect(() => {
    if (stored.value) document.documentElement.dataset.theme = stored.value;
    else delete document.documentElement.dataset.theme;
  });
  return {
    theme,
    next,
    toggle: () => {
      stored.value = next.value === 'system' ? null : next.value;
    },
  };
}
