import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { glob } from 'zx';
import { describeContent } from '../lib/docker/images.ts';
import { explainRefusal } from '../lib/docker/refusal-rules.ts';
import { sandboxArgv } from '../lib/docker/sandbox-argv.ts';
import { ROOT } from '../lib/process/root.ts';
import { waitUntil } from '../lib/process/wait.ts';

describe('Throwaway containers', () => {
  it('get the least by default', () => {
    assert.equal(
      sandboxArgv().join(' '),
      '--pull never --no-healthcheck --network none --read-only --cap-drop ALL --security-opt no-new-privileges' +
        ' --memory 256m --cpus 1 --pids-limit 64 --ulimit core=0' +
        ' --env HTTP_PROXY= --env http_proxy= --env HTTPS_PROXY= --env https_proxy= --env FTP_PROXY= --env ftp_proxy=' +
        ' --env ALL_PROXY= --env all_proxy= --env NO_PROXY= --env no_proxy=',
    );
  });

  it('get more only where it is said', () => {
    const argv = sandboxArgv({ network: 'npm-proxy', memory: '1g', pids: 200, user: '65534:65534' });
    for (const words of ['--network npm-proxy', '--memory 1g', '--pids-limit 200', '--user 65534:65534'])
      assert.ok(argv.join(' ').includes(words), words);
  });

  it('have their flags from one place', async () => {
    const files = await glob('scripts/{*.ts,lib/**/*.ts}', { cwd: ROOT, absolute: true });
    const named = files.filter((file) => /'--cap-drop|'--read-only'/.test(readFileSync(file, 'utf8')));
    assert.deepEqual(
      named.map((file) => file.slice(ROOT.length + 1)),
      ['scripts/lib/docker/sandbox-argv.ts'],
    );
  });
});

describe('What an image holds', () => {
  const image = (config: Record<string, unknown>, layers = ['sha256:a']) =>
    describeContent({ RootFS: { Layers: layers }, Config: { Env: ['A=1'], Labels: null, ...config } });

  it('is the same whatever its labels and revision say, and however an engine shows what nobody set', () => {
    const plain = image({ User: '1000', Cmd: ['node'] });
    assert.equal(image({ Cmd: ['node'], User: '1000', Labels: { a: 'b' } }), plain);
    assert.equal(image({ User: '1000', Cmd: ['node'], Env: ['A=1', 'APP_REVISION=abc'] }), plain);
    const older = { Hostname: '', AttachStdin: false, Volumes: null, OnBuild: [], ExposedPorts: {} };
    assert.equal(image({ User: '1000', Cmd: ['node'], ...older }), plain);
  });

  it('differs by layers, by variables and by each setting', () => {
    const all = [
      image({}),
      image({}, ['sha256:b']),
      image({ Env: ['A=2'] }),
      image({ User: '0' }),
      image({ Cmd: ['x'] }),
    ];
    assert.equal(new Set(all).size, all.length);
  });
});

describe('A refusal of the engine', () => {
  const POOLS = 'The engine has no address range left for another network';
  const RANGE =
    'The network npm-proxy has no address left: its range (--ip-range or --subnet) is too small for those who are on it';
  const cases: [said: string, cause: string | undefined, hint: RegExp][] = [
    [
      'Error response from daemon: all predefined address pools have been fully subnetted',
      POOLS,
      /^docker network prune .*default-address-pools/,
    ],
    [
      'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
      POOLS,
      /^docker network prune /,
    ],
    [
      "docker: Error response from daemon: no available IPv4 addresses on this network's address pools: npm-proxy (2f2ee2f3104e)\n\nRun 'docker run --help'",
      RANGE,
      /^docker network inspect npm-proxy .*docker network disconnect npm-proxy CONTAINER/,
    ],
    ['port is already allocated', undefined, /$/],
  ];
  for (const [said, cause, hint] of cases) {
    it(`is ${cause ? 'one sentence' : 'left as it is'}: ${said.slice(0, 60)}`, () => {
      const found = explainRefusal(said);
      assert.equal(found?.message, cause);
      assert.match(found?.hint ?? '', hint);
    });
  }
});

describe('Waiting', () => {
  it('ends with what was found, or with nothing when the time is over', async () => {
    let asked = 0;
    const third = async () => {
      asked += 1;
      return asked === 3 ? 'here' : undefined;
    };
    assert.equal(await waitUntil(third, 5000, 1), 'here');
    assert.equal(asked, 3);
    assert.equal(await waitUntil(async () => undefined, 0), undefined);
  });
});
