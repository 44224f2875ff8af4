import { onScopeDispose } from 'vue';
import { useStored } from '../state/storage.ts';

/**
 * Whether single-key shortcuts are on. They can be switched off because speech input and a slip of the hand can set
 * them off (WCAG 2.1.4).
 */
export const shortcutsOff = useStored('shortcuts-off', (value): value is true => value === true);

/**
 * Runs an action for each key, unless the reader is typing or holds a modifier, until the current component is gone.
 * @param actions by the key's name, as in KeyboardEvent.key
 */
export function useShortcuts(actions: Record<string, () => void>): void {
  const onKey = (event: KeyboardEvent): void => {
    if (shortcutsOff.value || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey)
      return;
    if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  window.addEventListener('keydown', onKey);
  onScopeDispose(() => window.removeEventListener('keydown', onKey));
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
