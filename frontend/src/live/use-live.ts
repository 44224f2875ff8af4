import { onScopeDispose, readonly, type ShallowRef, shallowRef } from 'vue';
import type { Change } from '../api/types.ts';
import { createLiveConnection, type LiveSnapshot } from './connection.ts';

const snapshot = shallowRef<LiveSnapshot>({
  state: 'stopped',
  attempt: 0,
  retryAt: null,
  connectedAt: null,
  heardAt: null,
  seq: null,
  serverVersion: null,
});
const changeListeners = new Set<(change: Change) => void>();
const resyncListeners = new Set<() => void>();

const connection = createLiveConnection(
  {
    openSocket: () => new WebSocket(liveUrl(import.meta.env.VITE_WS_URL ?? '/ws', window.location.href)),
    isOnline: () => navigator.onLine,
    random: Math.random,
  },
  {
    snapshot: (next) => {
      snapshot.value = next;
    },
    change: (change) => {
      for (const listener of changeListeners) listener(change);
    },
    resync: () => {
      for (const listener of resyncListeners) listener();
    },
  },
);

/**
 * The address of the gene stream.
 * @param base the WebSocket base the page was built with: a path, or a ws(s) or http(s) URL
 * @param page the address of the page, which decides host and whether TLS is used for a path
 */
export function liveUrl(base: string, page: string): string {
  const url = new URL(`${base.replace(/\/+$/, '')}/genes`, page);
  url.protocol = url.protocol.replace(/^http/, 'ws');
  return url.href;
}

/** Connects, and follows the browser's network state, for as long as the page lives. */
export function startLive(): void {
  window.addEventListener('online', connection.networkChanged);
  window.addEventListener('offline', connection.networkChanged);
  connection.start();
}

/** State of the live connection, and a way to try again at once. */
export function useLive(): { snapshot: Readonly<ShallowRef<LiveSnapshot>>; retryNow: () => void } {
  return {
    snapshot: readonly(snapshot) as Readonly<ShallowRef<LiveSnapshot>>,
    retryNow: connection.retryNow,
  };
}

/** Calls back for each change of a gene until the current component is gone. */
export function onLiveChange(listener: (change: Change) => void): void {
  changeListeners.add(listener);
  onScopeDispose(() => changeListeners.delete(listener));
}

/** Calls back whenever loaded data should be asked for again, until the current component is gone. */
export function onLiveResync(listener: () => void): void {
  resyncListeners.add(listener);
  onScopeDispose(() => resyncListeners.delete(listener));
}
