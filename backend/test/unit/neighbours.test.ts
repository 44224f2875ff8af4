import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { listOwnNetworks, listWaysOut, toIPv4 } from '../../src/lib/neighbours.ts';
import { chooseRequestId } from '../../src/lib/request-id.ts';

const header = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const route = `${header}eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0
eth1\t0010A8C0\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0
`;
const zeros = '0'.repeat(32);
const route6 = `${zeros} 00 ${zeros} 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003 eth2
${zeros} 00 ${zeros} 00 ${zeros} ffffffff 00000001 00000000 00200200 lo
`;

describe('who is one of ours', () => {
  const interfaces = {
    lo: [{ address: '127.0.0.1', cidr: '127.0.0.1/8' }],
    eth0: [{ address: '192.168.0.3', cidr: '192.168.0.3/20' }],
    eth1: [{ address: '192.168.16.3', cidr: '192.168.16.3/20' }],
    eth2: [{ address: 'fd00::3', cidr: 'fd00::3/64' }],
  };
  const own = listOwnNetworks(interfaces, listWaysOut(route, route6));
  const cases: [address: string, isOwn: boolean][] = [
    ['192.168.16.9', true],
    ['127.0.0.1', true],
    ['192.168.0.9', false],
    ['10.0.0.1', false],
    ['8.8.8.8', false],
  ];
  for (const [address, isOwn] of cases) it(address, () => assert.equal(own.check(address, 'ipv4'), isOwn));

  it('does not count networks whose way out is IPv6', () => {
    assert.equal(own.check('fd00::9', 'ipv6'), false);
    assert.equal(listOwnNetworks(interfaces, []).check('fd00::9', 'ipv6'), true);
  });

  it('finds no way out where there is none', () => {
    assert.deepEqual(listWaysOut(route, route6), ['eth0', 'eth2']);
    assert.deepEqual(listWaysOut(header, ''), []);
  });

  it('reads IPv4 out of IPv6', () => {
    assert.equal(toIPv4('::ffff:10.1.2.3'), '10.1.2.3');
    assert.equal(toIPv4('fd00::1'), 'fd00::1');
  });
});

test('the id of a request is taken from nginx alone, and where it is harmless in a log', () => {
  const isOwn = (address: string | undefined) => address === '10.0.0.2';
  const choose = (address: string, id?: string) =>
    chooseRequestId({ headers: { 'x-request-id': id }, socket: { remoteAddress: address } } as never, isOwn);
  assert.equal(choose('10.0.0.2', 'of-nginx-1'), 'of-nginx-1');
  for (const made of [
    choose('10.0.0.9', 'of-nginx-1'),
    choose('10.0.0.2', 'a"}{"b-long'),
    choose('10.0.0.2'),
  ])
    assert.match(made, /^[0-9a-f-]{36}$/);
});
