import { computed } from 'vue';
import { getSite } from '../api/client.ts';
import { useResource } from '../composables/use-resource.ts';
import site from '../content/site.json' with { type: 'json' };
import { useStored } from './storage.ts';

const isName = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';

/** Remembered, so that the next visit begins with it. */
const given = useStored('site-name', isName);

/** What the operator calls the site; the built-in name until that is known. */
export const siteName = computed(() => given.value ?? site.name);

/** Asks the API for the site's name, again whenever it comes back. To be called once, by the page as a whole. */
export function loadSiteName(): void {
  useResource(
    () => null,
    async (_, signal) => {
      const { name } = await getSite(signal);
      if (isName(name)) given.value = name;
    },
  );
}
