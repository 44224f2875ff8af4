import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { createLogger, formatLine } from '../../src/log.ts';

function collect(): { output: Writable; lines: string[] } {
  const lines: string[] = [];
  const output = new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      lines.push(line);
      done();
    },
  });
  return { output, lines };
}

test('a log line is one JSON object with time, level and fields', () => {
  const { output, lines } = collect();
  createLogger({ logLevel: 'info', logFormat: 'json' }, output).info({ status: 200 }, 'request');
  const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.ok(!Number.isNaN(Date.parse(String(time))));
  assert.deepEqual(rest, { level: 'info', status: 200, msg: 'request' });
  assert.match(lines[0] ?? '', /^[^\n]+\n$/);
});

test('secrets are struck out wherever a log call brings them from', () => {
  const { output, lines } = collect();
  const secret = 'do-not-tell';
  createLogger({ logLevel: 'info', logFormat: 'json' }, output).warn(
    {
      headers: { authorization: secret },
      env: { databaseUrl: secret },
      password: secret,
      a: { b: { token: secret } },
    },
    'careless',
  );
  assert.doesNotMatch(lines.join(''), /do-not-tell/);
  assert.equal(lines.join('').match(/\[redacted\]/g)?.length, 4);
});

test('lines for people begin with time and level and end with the fields', () => {
  const { output, lines } = collect();
  const logger = createLogger({ logLevel: 'warn', logFormat: 'text' }, output);
  logger.info('is below the level');
  logger.warn({ attempt: 2 }, 'waiting');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z WARN {2}waiting attempt=2\n$/);
});

test('a stack stands on lines of its own, and what is no JSON passes as it is', () => {
  const line = JSON.stringify({
    time: 'T',
    level: 'error',
    msg: 'failed',
    err: { stack: 'Error: x\n  at y' },
  });
  assert.equal(formatLine(line), 'T ERROR failed\nError: x\n  at y\n');
  assert.equal(formatLine('plain text\n'), 'plain text\n');
});
