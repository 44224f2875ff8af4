import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drawBars, readVitals, sumTraffic } from '../lib/stack/watch/figures.ts';

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
});
