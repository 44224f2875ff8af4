import { type MaybeRefOrGetter, toValue, watchEffect } from 'vue';
import { siteName } from '../state/site.ts';

/** Keeps the document's title: what the view is about, then the site. */
export function useTitle(title: MaybeRefOrGetter<string>): void {
  watchEffect(() => {
    document.title = `${toValue(title)} · ${siteName.value}`;
  });
}
