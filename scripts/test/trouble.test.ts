import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findTrouble, type LifeEvent, type Patient } from '../lib/stack/trouble-rules.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const well: Patient = {
  id: 'a',
  state: 'running',
  health: 'healthy',
  exitCode: 0,
  oomKilled: false,
  finishedAt: '0001-01-01T00:00:00Z',
  restarts: 0,
  memoryLimit: 1024 ** 3,
};
const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;
const event = (action: string, secondsAgo: number, exitCode = 1, id = 'a'): LifeEvent => ({
  id,
  action,
  at: NOW - secondsAgo * 1000,
  exitCode,
});
const trouble = (container: Partial<Patient>, events: LifeEvent[] = [], kills: number[] = []) =>
  findTrouble({ ...well, ...container }, events, kills, NOW, seconds);

describe('the trouble of a container', () => {
  const cases: [string, ReturnType<typeof trouble>, string[], boolean][] = [
    ['none', trouble({}), [], false],
    ['out of reach', trouble({ lostNetwork: 'shared' }), ['not on the network shared'], true],
    [
      'an end that was asked for',
      trouble({}, [event('kill', 9), event('die', 8), event('start', 7)]),
      [],
      false,
    ],
    ['the end of another', trouble({}, [event('die', 8, 1, 'b')]), [], false],
    ['long ago', trouble({}, [event('die', 1000)]), [], false],
    [
      'one end',
      trouble({}, [event('die', 8), event('start', 7)]),
      ['restarted once in 8 s, exit code 1'],
      false,
    ],
    [
      'one end after one that was asked for',
      trouble({}, [event('kill', 20), event('die', 19), event('start', 18), event('die', 8, 137)]),
      ['restarted once in 8 s, exit code 137'],
      false,
    ],
    [
      'a loop that the engine remembers',
      trouble({ health: 'starting' }, [event('die', 30), event('die', 20), event('die', 8, 3)]),
      ['restart loop (3 restarts in 30 s, last exit code 3)', 'starting'],
      true,
    ],
    [
      'a loop whose events are forgotten',
      trouble({ state: 'restarting', restarts: 12, exitCode: 3, health: 'unhealthy' }),
      ['restart loop (12 restarts, last exit code 3)', 'unhealthy'],
      true,
    ],
    [
      'out of memory, told by the kernel',
      trouble({}, [event('die', 8, 137)], [NOW - 8000]),
      ['out of memory 8 s ago', 'restarted once in 8 s, exit code 137'],
      false,
    ],
    ['out of memory, told by the engine', trouble({}, [event('oom', 5)]), ['out of memory 5 s ago'], false],
    [
      'out of memory and down',
      trouble({ state: 'exited', exitCode: 137, oomKilled: true, finishedAt: '2026-01-01T11:59:50Z' }),
      ['out of memory 10 s ago', 'exited, exit code 137'],
      true,
    ],
    ['unhealthy', trouble({ health: 'unhealthy' }), ['unhealthy'], true],
  ];
  for (const [name, found, words, now] of cases) {
    it(name, () => assert.deepEqual(found, { words, now }));
  }
});
