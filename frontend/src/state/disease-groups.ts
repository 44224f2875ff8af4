import { type ComputedRef, computed, shallowRef } from 'vue';
import { listDiseaseGroups } from '../api/client.ts';
import { ApiError } from '../api/error.ts';
import type { DiseaseGroup } from '../api/types.ts';
import { onLiveResync } from '../live/use-live.ts';

const groups = shallowRef<DiseaseGroup[]>([]);
let loading: Promise<void> | null = null;

/**
 * The disease groups, loaded once for all views, and again when the live connection says that all may have changed. Until they are there (or when they cannot be had) a group is shown
 * by its slug in words; the view that needs them calls refresh() again when the connection is back.
 */
export function useDiseaseGroups(): {
  groups: ComputedRef<DiseaseGroup[]>;
  nameOf(slug: string): string;
  refresh(): Promise<void>;
} {
  if (groups.value.length === 0) refresh();
  // An import may have brought new ones.
  onLiveResync(() => void refresh());
  return {
    groups: computed(() => groups.value),
    nameOf: (slug) => groups.value.find((group) => group.slug === slug)?.name ?? words(slug),
    refresh,
  };
}

function refresh(): Promise<void> {
  loading ??= load().finally(() => {
    loading = null;
  });
  return loading;
}

async function load(): Promise<void> {
  try {
    groups.value = await listDiseaseGroups();
  } catch (error) {
    // The table says what is wrong with the API; the names are only labels and have a stand-in.
    if (!(error instanceof ApiError)) throw error;
  }
}

function words(slug: string): string {
  const text = slug.replaceAll('-', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
