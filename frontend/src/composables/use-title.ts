import { type MaybeRefOrGetter, toValue, watchEffect } from 'vue';

const SITE = 'Kidney Genetics';

/** Keeps the document's title: what the view is about, then the site. */
export function useTitle(title: MaybeRefOrGetter<string>): void {
  watchEffect(() => {
    document.title = `${toValue(title)} · ${SITE}`;
  });
}
