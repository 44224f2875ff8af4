import { onScopeDispose, type Ref, ref } from 'vue';
import type { Change, GenePage } from '../api/types.ts';
import { onLiveChange } from '../live/use-live.ts';
import { announce } from '../state/announcer.ts';
import { plural } from '../state/format.ts';
import { useThrottled } from './use-throttled.ts';

/** How long a changed row stays marked, in milliseconds. */
const FRESH_MS = 4_000;

/**
 * Applies live changes to a page of the table: a gene that is shown changes in place at once, and the page is asked for
 * again soon after, because a change can move, add or remove rows and change the totals.
 * @param page what is shown
 * @param reload asks for the page again
 * @returns the symbols that have just changed, for marking their rows
 */
export function useFreshGenes(page: Ref<GenePage | null>, reload: () => void): Ref<ReadonlySet<string>> {
  const fresh = ref<ReadonlySet<string>>(new Set());
  const timers = new Set<ReturnType<typeof setTimeout>>();
  let heard = new Set<string>();

  const settle = useThrottled(
    () => {
      reload();
      say(heard);
      heard = new Set();
    },
    300,
    2_000,
  );

  onLiveChange((change) => {
    heard.add(change.symbol);
    if (page.value) page.value = withChange(page.value, change);
    mark(change.symbol);
    settle();
  });
  onScopeDispose(() => timers.forEach(clearTimeout));

  function mark(symbol: string): void {
    fresh.value = new Set(fresh.value).add(symbol);
    const timer = setTimeout(() => {
      timers.delete(timer);
      const rest = new Set(fresh.value);
      rest.delete(symbol);
      fresh.value = rest;
    }, FRESH_MS);
    timers.add(timer);
  }

  return fresh;
}

/** The page with an update of a shown gene put in; a message older than what is shown changes nothing. */
function withChange(page: GenePage, change: Change): GenePage {
  const { gene } = change;
  if (!gene) return page;
  const index = page.items.findIndex((item) => item.hgncId === gene.hgncId);
  const shown = page.items[index];
  if (!shown || shown.seq >= gene.seq) return page;
  return { ...page, items: page.items.with(index, gene) };
}

function say(symbols: ReadonlySet<string>): void {
  if (symbols.size === 0) return;
  const [first] = symbols;
  announce(
    symbols.size === 1
      ? `Live update: ${first} changed`
      : `Live update: ${plural(symbols.size, 'gene')} changed`,
  );
}
