import { enableAutoUnmount, flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { afterEach, vi } from 'vitest';
import type { Router } from 'vue-router';
import type { startLive } from '../../src/live/use-live.ts';
import { FakeSocket } from './fake-socket.ts';

enableAutoUnmount(afterEach);

/**
 * Opens the whole page at an address, with module state as new: router, live connection, caches. Stub fetch first.
 * @param path the address
 */
export async function openPage(
  path: string,
): Promise<{ page: VueWrapper; router: Router; socket: FakeSocket }> {
  vi.stubGlobal('WebSocket', FakeSocket);
  FakeSocket.opened = [];
  window.history.replaceState(null, '', path);
  vi.resetModules();
  const [{ default: App }, { router }, live] = await Promise.all([
    import('../../src/App.vue'),
    import('../../src/router.ts'),
    import('../../src/live/use-live.ts') as Promise<{ startLive: typeof startLive }>,
  ]);
  const page = mount(App, { global: { plugins: [router] }, attachTo: document.body });
  live.startLive();
  await router.isReady();
  await flushPromises();
  return { page, router, socket: FakeSocket.last };
}

/** Lets timers up to `ms` run, and what they set off. */
export async function wait(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await flushPromises();
}
