import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { issueToken } from '../lib/secrets/tokens.ts';
import { checkOrder, findId, LONGEST_DAYS, parseIssued } from '../lib/secrets/tokens-rules.ts';

describe('tokens of the API', () => {
  it('name their holder, have an id, a scope and an end', () => {
    const { token, issued } = issueToken('key', { name: 'Ada', scope: 'genes:write', seconds: 60 });
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    assert.deepEqual(
      [claims.sub, claims.jti, claims.scope, claims.exp],
      [issued.name, issued.id, issued.scope, issued.exp],
    );
    assert.equal(claims.exp - claims.iat, 60);
    assert.ok(!JSON.stringify(issued).includes(token));
  });

  it(`are good for ${LONGEST_DAYS} days at the most`, () => {
    assert.equal(checkOrder('Ada', '90', 'genes:write').days, 90);
    for (const days of ['91', '0', '-1', '1e9', '', ' 1', '100', 'x'])
      assert.throws(() => checkOrder('Ada', days, 'genes:write'), { exitCode: 2 }, days);
    for (const name of ['', ' ', 'a\nb', '\u001b[31m', 'x'.repeat(101), '-x'])
      assert.throws(() => checkOrder(name, '1', 'genes:write'), { exitCode: 2 }, name);
    for (const scope of ['', 'A', 'a  b', 'a"b'])
      assert.throws(() => checkOrder('Ada', '1', scope), { exitCode: 2 }, scope);
  });

  it('are found by the beginning of their id; by the whole one where this checkout did not make them', () => {
    const issued = ['aaa1', 'aab2'].map((id) => ({ id, name: 'n', scope: 's', exp: 1 }));
    assert.equal(findId('aab', issued), 'aab2');
    assert.equal(findId('other', issued), 'other');
    for (const wanted of ['aa', "';", '', 'a b'])
      assert.throws(() => findId(wanted, issued), { exitCode: 2 });
    const text = [...issued.map((one) => JSON.stringify(one)), 'x', '{"id":"\u001b"}', ''].join('\n');
    assert.deepEqual(parseIssued(text), issued);
  });
});
