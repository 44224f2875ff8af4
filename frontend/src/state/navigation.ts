import { readonly, ref } from 'vue';

const MARK = 'kidney-genetics.reloaded-for';

const failed = ref<string | null>(null);

/** The address whose view could not be loaded, or null; App.vue offers to try again. */
export const failedNavigation = readonly(failed);

/**
 * Handles a view whose code could not be loaded. After a deployment the files of the page that is open are gone, and
 * loading the address anew brings the new page; this is tried once for an address. When the server does not answer, a
 * reload would only lose what is on the screen.
 * @param path the address that was asked for
 */
export async function recoverNavigation(path: string): Promise<void> {
  if (sessionStorage.getItem(MARK) !== path && (await pageAnswers())) {
    sessionStorage.setItem(MARK, path);
    window.location.assign(path);
  } else {
    failed.value = path;
  }
}

/** To be called after each navigation that worked. */
export function navigationWorked(): void {
  failed.value = null;
  sessionStorage.removeItem(MARK);
}

async function pageAnswers(): Promise<boolean> {
  try {
    return (await fetch('/', { method: 'HEAD', cache: 'no-store' })).ok;
  } catch {
    return false;
  }
}
