import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listPowers } from '../lib/docker/power-rules.ts';

describe('what a neighbour may do on a shared network', () => {
  const plain = { Privileged: false, NetworkMode: 'npm-proxy', CapAdd: null, CapDrop: null };
  const cases: [what: string, rights: Partial<Parameters<typeof listPowers>[0]>, powers: RegExp][] = [
    ['with the engine’s defaults', {}, /^NET_RAW: forges packets$/],
    ['with all dropped', { CapDrop: ['ALL'] }, /^$/],
    ['with NET_RAW dropped', { CapDrop: ['CAP_NET_RAW'] }, /^$/],
    [
      'with all dropped and one added',
      { CapDrop: ['ALL'], CapAdd: ['NET_ADMIN'] },
      /^NET_ADMIN: sets routes$/,
    ],
    ['with all added', { CapAdd: ['ALL'] }, /^NET_ADMIN.*;NET_RAW/],
    ['with all added but one', { CapAdd: ['ALL'], CapDrop: ['NET_RAW'] }, /^NET_ADMIN[^;]*$/],
    ['privileged', { Privileged: true }, /^privileged/],
    ['on the host’s network', { NetworkMode: 'host' }, /^on the host/],
  ];
  for (const [what, rights, powers] of cases)
    it(what, () => assert.match(listPowers({ ...plain, ...rights }).join(';'), powers));
});
