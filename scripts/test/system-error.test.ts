import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeSystemError } from '../lib/process/system-error.ts';

describe('what the operating system refuses', () => {
  const errorOf = (code: string) => Object.assign(new Error('x'), { code, path: '/srv/kit/.env.production' });
  const cases: [code: string, said: RegExp, hint: RegExp][] = [
    // Which of them, depends on whose the checkout is.
    ['EACCES', /^\S+ may not read or write \/srv\/kit\/\.env\.production$/, /sudo (chown -R|make|-u)/],
    ['EPERM', /may not read or write/, /sudo/],
    ['ENOSPC', /^No space is left for \/srv/, /^make prod-prune$/],
    ['EROFS', /mounted read-only/, /^dmesg/],
  ];
  for (const [code, said, hint] of cases) {
    it(`${code} is said in one sentence, with what fixes it`, () => {
      const described = describeSystemError(errorOf(code));
      assert.match(described?.message ?? '', said);
      assert.match(described?.hint ?? '', hint);
    });
  }

  it('is not what any other error means', () => {
    assert.equal(describeSystemError(errorOf('ENOENT')), undefined);
    assert.equal(describeSystemError(new Error('x')), undefined);
    assert.equal(describeSystemError('x'), undefined);
  });
});
