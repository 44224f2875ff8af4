import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drawBars, readVitals, sumTraffic } from '../lib/stack/watch/figures.ts';
import { drawFrame } from '../lib/stack/watch/frame.ts';
import type { Moment } from '../lib/stack/watch/vitals.ts';

const line = (second: number, status: number, seconds = 0.01) =>
  JSON.stringify({ time: `2026-01-01T12:00:0${second}+00:00`, status, seconds });

describe('what prod-watch shows', () => {
  it('counts requests, errors and the time of most from the access log', () => {
    const since = Date.parse('2026-01-01T12:00:03Z');
    const log = [
      line(0, 500),
      line(3, 200),
      line(4, 503, 0.2),
      line(5, 404),
      line(5, 101, 60),
      'nginx: x',
      '{"time',
    ];
    assert.deepEqual(sumTraffic(log.join('\n'), since, 2000), {
      perSecond: 2,
      errorsPerSecond: 0.5,
      p95: 0.2,
    });
    assert.deepEqual(sumTraffic('', since, 2000), { perSecond: 0, errorsPerSecond: 0, p95: 0 });
  });

  it('reads the API’s own numbers, and none from something else', () => {
    const metrics =
      '# HELP\nwebsocket_clients 3\nwebsocket_clients_max 9\ndatabase_pool_connections 2\ndatabase_pool_max 10\n';
    assert.deepEqual(readVitals(metrics), { webSockets: 3, connections: 2, maxConnections: 10 });
    assert.equal(readVitals('not found'), undefined);
  });

  it('draws numbers as bars', () => {
    assert.equal(drawBars([0, 1, 4, 8]), ' ▂▅█');
    assert.equal(drawBars([0, 0]), '  ');
    assert.equal(drawBars([5]), '');
  });

  for (const width of [80, 100, 200]) {
    it(`draws the latest bars that fit ${width} columns`, () => {
      const look = (perSecond: number): Moment => ({
        at: new Date(),
        containers: [],
        use: new Map(),
        traffic: { perSecond, errorsPerSecond: 0, p95: 0 },
        vitals: undefined,
        troubles: new Map(),
      });
      const past = [...Array<Moment>(300).fill(look(1)), look(8)];
      const lines = drawFrame(look(8), past, width);
      assert.deepEqual(
        lines.filter((line) => line.length > width),
        [],
      );
      assert.equal(lines.find((line) => line.startsWith('Requests'))?.length, width);
      assert.ok(lines.some((line) => line.endsWith('▂█')));
    });
  }
});
