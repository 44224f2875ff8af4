import { enableAutoUnmount, flushPromises, mount } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nextTick, ref } from 'vue';
import { ApiError } from '../src/api/error.ts';
import { type Resource, useResource } from '../src/composables/use-resource.ts';

interface Pending {
  key: string;
  signal: AbortSignal;
  answer(text: string): Promise<unknown>;
  fail(error: unknown): Promise<unknown>;
}

let pending: Pending[];
const key = ref('a');

function load(value: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    pending.push({
      key: value,
      signal,
      answer(text) {
        resolve(text);
        return flushPromises();
      },
      fail(error) {
        reject(error);
        return flushPromises();
      },
    });
  });
}

function open(cache?: Map<string, string>): { resource: Resource<string>; close: () => void } {
  let resource: Resource<string> | undefined;
  const wrapper = mount({
    setup() {
      resource = useResource<string, string>(key, load, cache);
      return () => null;
    },
  });
  return { resource: resource as Resource<string>, close: () => wrapper.unmount() };
}

function at(index: number): Pending {
  const request = pending[index];
  if (!request) throw new Error(`there is no request ${index}`);
  return request;
}

function apiError(retryAfterSeconds: number | null = null): ApiError {
  return new ApiError({ kind: 'problem', title: 't', detail: 'd', status: 503, retryAfterSeconds });
}

beforeEach(() => {
  pending = [];
  key.value = 'a';
  vi.useFakeTimers();
});
enableAutoUnmount(afterEach);
afterEach(() => vi.useRealTimers());

describe('useResource', () => {
  it('loads, and keeps the old answer while the next is on its way', async () => {
    const { resource } = open();
    expect(resource.loading.value).toBe(true);
    await at(0).answer('A');
    expect([resource.data.value, resource.loading.value]).toEqual(['A', false]);
    key.value = 'b';
    await nextTick();
    expect([resource.data.value, resource.loading.value]).toEqual(['A', true]);
    await at(1).answer('B');
    expect(resource.data.value).toBe('B');
  });

  it('takes back a request that nobody waits for, and does not show its answer', async () => {
    const { resource } = open();
    key.value = 'b';
    await nextTick();
    expect(at(0).signal.aborted).toBe(true);
    await at(1).answer('B');
    await at(0).answer('A');
    expect(resource.data.value).toBe('B');
  });

  it('takes its request back when the component goes', () => {
    const { close } = open();
    close();
    expect(at(0).signal.aborted).toBe(true);
  });

  it('keeps what it has when a reload fails, and forgets the error when the next works', async () => {
    const { resource } = open();
    await at(0).answer('A');
    resource.reload();
    await at(1).fail(apiError());
    expect([resource.data.value, resource.error.value?.status]).toEqual(['A', 503]);
    resource.reload();
    await at(2).answer('A2');
    expect([resource.data.value, resource.error.value]).toEqual(['A2', null]);
  });

  it('comes back by itself when the server named a time, six times with growing pauses', async () => {
    open();
    for (let attempt = 0; attempt < 6; attempt += 1) {
      const pause = 2_000 * 2 ** attempt;
      await at(attempt).fail(apiError(2));
      vi.advanceTimersByTime(pause - 1);
      expect(pending).toHaveLength(attempt + 1);
      vi.advanceTimersByTime(pause / 2 + 1);
    }
    await at(6).fail(apiError(2));
    vi.advanceTimersByTime(600_000);
    expect(pending).toHaveLength(7);
  });

  it('does not come back by itself otherwise', async () => {
    open();
    await at(0).fail(apiError());
    vi.advanceTimersByTime(60_000);
    expect(pending).toHaveLength(1);
  });

  it('shows a cached answer at once and asks again all the same', async () => {
    const cache = new Map([['a', 'old']]);
    const { resource } = open(cache);
    expect(resource.data.value).toBe('old');
    await at(0).answer('new');
    expect([resource.data.value, cache.get('a')]).toEqual(['new', 'new']);
  });

  it('keeps no more than thirty answers', async () => {
    const cache = new Map(Array.from({ length: 30 }, (_, index) => [`k${index}`, 'x']));
    open(cache);
    await at(0).answer('A');
    expect([cache.size, cache.has('k0'), cache.get('a')]).toEqual([30, false, 'A']);
  });
});
