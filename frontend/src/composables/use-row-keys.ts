import { type Ref, watch } from 'vue';

/**
 * Arrow keys among the rows of a list: each row has one link marked `data-gene`, which takes the focus. The links stay
 * in the tab order, so the keys are a quicker way and not the only one.
 * @param container the element around the rows
 * @param turnPage asks for the page before (-1) or after (+1)
 * @returns puts the focus on the first row
 */
export function useRowKeys(
  container: Readonly<Ref<HTMLElement | null>>,
  turnPage: (step: 1 | -1) => void,
): () => void {
  const rows = (): HTMLElement[] => [
    ...(container.value?.querySelectorAll<HTMLElement>('[data-gene]') ?? []),
  ];

  function target(key: string, index: number, last: number): number | null {
    if (key === 'ArrowDown') return Math.min(index + 1, last);
    if (key === 'ArrowUp') return Math.max(index - 1, 0);
    if (key === 'Home') return 0;
    return key === 'End' ? last : null;
  }

  function onKey(event: KeyboardEvent): void {
    const links = rows();
    const index = links.indexOf(document.activeElement as HTMLElement);
    if (index < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = target(event.key, index, links.length - 1);
    if (next !== null) links[next]?.focus();
    else if (event.key === 'PageDown') turnPage(1);
    else if (event.key === 'PageUp') turnPage(-1);
    else return;
    event.preventDefault();
  }

  watch(container, (element, before) => {
    before?.removeEventListener('keydown', onKey);
    element?.addEventListener('keydown', onKey);
  });

  return () => rows()[0]?.focus();
}
