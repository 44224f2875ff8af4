import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { InspectedContainer } from '../lib/docker/inspect.ts';
import { findNearest } from '../lib/process/near.ts';
import { ROOT } from '../lib/process/root.ts';
import { dateSecrets, findWeakSecrets, readSecretsDate } from '../lib/stack/secret-strength.ts';
import { containerName, readSettings, SERVICES } from '../lib/stack/stack.ts';
import { judgeAll, type Result } from '../lib/verify/check.ts';
import { CHECKS, FAMILY_TITLES, parseSkips, selectChecks } from '../lib/verify/checks.ts';
import type { Facts } from '../lib/verify/facts.ts';
import { newestDate, toContainerFacts } from '../lib/verify/gather/engine.ts';
import { parseDials, parseInside, parseSections } from '../lib/verify/gather/inside.ts';
import { formatJunit, formatResults, wrapLine } from '../lib/verify/report.ts';
import { BREAKS, healthyFacts } from './verify-breaks.ts';

const judge = (facts: Facts, skips = new Map<string, string>()) => judgeAll(CHECKS, facts, skips);
const idsOf = (results: readonly Result[], isMeant: (result: Result) => boolean) =>
  results.filter(isMeant).map(({ id }) => id);
const wrong = (facts: Facts) => idsOf(judge(facts), ({ status }) => status === 'fail' || status === 'warn');

describe('the engine’s record of a container', () => {
  const settings = readSettings({ STACK_PREFIX: 'a-b' }, '');
  const fixture = readFileSync(new URL('fixtures/drift-records.json', import.meta.url), 'utf8');
  const { running } = JSON.parse(fixture) as { running: InspectedContainer };
  const named = (Name: string, key = 'somebody-else') => {
    const Config = { ...running.Config, Labels: { 'com.docker.compose.service': key } };
    return toContainerFacts({ ...running, Name, Config }, settings).service;
  };

  it('is of the service whose fixed name it has, whatever key its label says', () => {
    const names = SERVICES.map((service) => named(`/${containerName(settings, service)}`));
    assert.deepEqual(names.sort(), ['backend', 'frontend', 'postgres']);
    assert.equal(named('/a-b-odd', SERVICES[0]), '', 'a label is anybody’s word');
    assert.equal(named('/other-backend'), '');
  });
});

describe('the checks of prod-verify', () => {
  it('have each an id of its own, a fix, and a rule that a reader can look up', () => {
    assert.equal(new Set(CHECKS.map(({ id }) => id)).size, CHECKS.length);
    const known =
      /CIS |OWASP|RFC \d|PostgreSQL|postgresql\.org|CycloneDX|CVE-|OCI|nginx|own promise|NIST|kernel|Docker|MDN|W3C|HSTS/;
    for (const { id, title, source, fix } of CHECKS) {
      assert.ok(title.length > 10 && fix.length > 5, id);
      assert.match(source, known, id);
      assert.doesNotMatch(source, /specification/i, id);
    }
  });

  it('are all in the documentation, and nothing else is', () => {
    const page = readFileSync(join(ROOT, 'docs/deployment/security-hardening.md'), 'utf8');
    const rows = page.slice(page.indexOf('## All checks')).match(/^\| `.*$/gm);
    assert.deepEqual(
      rows,
      CHECKS.map(({ id, title, source }) => `| \`${id}\` | ${title} | ${source} |`),
    );
  });

  it('are named right in the checklists', () => {
    const page = readFileSync(join(ROOT, 'docs/deployment/security-hardening.md'), 'utf8');
    const named = [...page.matchAll(/verify ONLY=([\w,-]+)/g)].map(([, words = '']) => words);
    assert.ok(named.length > 30, `${named.length}`);
    selectChecks(named);
  });

  it('all hold on what a healthy stack showed', () => {
    assert.deepEqual(
      idsOf(judge(healthyFacts()), ({ status }) => status !== 'ok'),
      [],
    );
  });

  it('each have a break below', () => {
    assert.deepEqual(Object.keys(BREAKS).sort(), CHECKS.map(({ id }) => id).sort());
  });

  for (const [id, breakIt] of Object.entries(BREAKS)) {
    it(`${id} is broken by its break, and no other check is`, () => {
      const facts = healthyFacts();
      breakIt(facts);
      assert.deepEqual(wrong(facts), [id]);
    });
  }

  it('leave a stopped container to the check of its health', () => {
    const facts = healthyFacts();
    const frontend = facts.containers.find(({ service }) => service === 'frontend');
    assert.ok(frontend);
    Object.assign(frontend, { state: 'exited', health: 'unhealthy', inside: null });
    Object.assign(facts, { http: null });
    Object.assign(facts.reach, {
      databaseFromFrontend: null,
      databaseFromProxyNetwork: null,
      metricsFromProxyNetwork: null,
    });
    assert.deepEqual(wrong(facts), ['health']);
  });

  it('fail where a running container could not be asked', () => {
    const facts = healthyFacts();
    facts.database = null;
    const failed = wrong(facts);
    assert.ok(failed.length > 10 && failed.every((id) => id.startsWith('database-')), failed.join());
  });

  it('take a try that could not be made for no proof', () => {
    const facts = healthyFacts();
    facts.reach.databaseFromHost = { '172.18.0.2:5432': 'could not be tried' };
    assert.deepEqual(wrong(facts), ['database-from-host']);
  });

  it('only warn of seccomp and AppArmor where the host has neither', () => {
    const facts = healthyFacts();
    facts.host.security = [];
    const results = judge(facts).filter(({ status }) => status !== 'ok');
    assert.deepEqual(
      results.map(({ id, status }) => [id, status]),
      [
        ['seccomp', 'warn'],
        ['mandatory-access-control', 'warn'],
      ],
    );
  });

  it('say which kind of user namespace the engine has', () => {
    const said = (security: string[]) => {
      const facts = healthyFacts();
      facts.host.security.push(...security);
      return judge(facts).find(({ id }) => id === 'host-namespace-user')?.found ?? '';
    };
    assert.match(said(['rootless']), /the engine is rootless/);
    assert.match(said(['userns']), /userns-remap is on/);
    assert.match(said([]), /without userns-remap/);
  });

  it('say that a rootless engine without cgroups sets no limits', () => {
    const facts = healthyFacts();
    facts.host.cgroupDriver = 'none';
    const broken = judge(facts).filter(({ status }) => status === 'fail');
    assert.deepEqual(
      broken.map(({ id }) => id),
      ['limit-memory', 'limit-cpu', 'limit-processes'],
    );
    for (const { found } of broken)
      assert.match(found, /rootless and can set no limits.*cgroup v2 \(here v1\)/);
  });

  it('tell a base of 40 days from one of 100', () => {
    const statusAt = (days: number) => {
      const facts = healthyFacts();
      for (const image of facts.images)
        image.baseCreated = new Date(Date.parse(facts.now) - days * 86_400_000).toISOString();
      return judge(facts).find(({ id }) => id === 'image-base-age')?.status;
    };
    assert.deepEqual([1, 40, 100].map(statusAt), ['ok', 'warn', 'fail']);
  });

  it('say why a scan without findings is no proof', () => {
    const said = (change: Partial<NonNullable<Facts['scan']>>) => {
      const facts = healthyFacts();
      assert.ok(facts.scan);
      Object.assign(facts.scan, change);
      const { status, found } = judge(facts).find(({ id }) => id === 'image-updates') ?? assert.fail();
      return `${status} ${found}`;
    };
    assert.match(said({}), /^ok .*nothing from HIGH on/);
    assert.match(said({ complete: false }), /^warn .*; the rest gave no answer$/);
    assert.match(said({ at: '2026-11-01T00:00:00Z' }), /^warn .*; that was 24 days ago$/);
  });

  it('say of a signature that could not be asked for that it was not', () => {
    const said = (...states: ('signed' | 'not signed' | 'not asked')[]) => {
      const facts = healthyFacts();
      facts.signatures = states.map((state) => ({ image: 'backend', state, found: 'x' }));
      return judge(facts).find(({ id }) => id === 'image-signature')?.status;
    };
    assert.equal(said('signed', 'signed'), 'ok');
    assert.equal(said('signed', 'not asked'), 'warn');
    assert.equal(said('not asked', 'not signed'), 'fail');
  });

  it('warn before a PostgreSQL gets no more updates, and fail afterwards', () => {
    const statusOn = (now: string) => {
      const facts = { ...healthyFacts(), now };
      return judge(facts).find(({ id }) => id === 'database-version')?.status;
    };
    assert.deepEqual(['2026-01-01', '2029-09-01', '2029-12-01'].map(statusOn), ['ok', 'warn', 'fail']);
  });

  it('leave out in test mode what test mode cannot hold, and say why', () => {
    const facts = healthyFacts();
    facts.stack.mode = 'test';
    facts.containers.forEach((container, at) => {
      container.ports = [`127.0.0.1:${8000 + at}->80/tcp`];
    });
    assert.deepEqual(wrong(facts), []);
    const skipped = judge(facts).filter(({ status }) => status === 'skip');
    assert.ok(skipped.some(({ id }) => id === 'published-ports'));
    assert.ok(
      skipped.every(({ found }) => found.startsWith('test mode') || found.startsWith('in test mode')),
    );
  });
});

describe('the choice of checks', () => {
  it('takes ids and families', () => {
    assert.deepEqual(
      selectChecks(['user,health', 'images']).map(({ id, family }) => (family === 'images' ? 'images' : id)),
      ['user', 'health', ...Array.from({ length: 8 }, () => 'images')],
    );
    assert.equal(selectChecks([]).length, CHECKS.length);
  });

  it('names a near match for an unknown id, with exit code 2', () => {
    assert.throws(() => selectChecks(['helth']), { hint: 'did you mean health?', exitCode: 2 });
    assert.throws(() => parseSkips(['tmpfs-flag=x']), { hint: 'did you mean tmpfs-flags?', exitCode: 2 });
    assert.throws(() => selectChecks(['qqqqqqqq']), { hint: /--list/, exitCode: 2 });
  });

  it('wants a reason for what is skipped, and reports it', () => {
    assert.throws(() => parseSkips(['health=']), { exitCode: 2 });
    const skips = parseSkips(['health=the backend is being repaired, a=b']);
    const facts = healthyFacts();
    for (const container of facts.containers) container.health = 'unhealthy';
    const health = judge(facts, skips).find(({ id }) => id === 'health');
    assert.deepEqual([health?.status, health?.found], ['skip', 'the backend is being repaired, a=b']);
  });

  it('finds near words', () => {
    const known = ['health', 'health-check', 'secret-age'];
    const table: [string, string | undefined][] = [
      ['heath', 'health'],
      ['healthcheck', 'health-check'],
      ['age', 'secret-age'],
      ['zzz', undefined],
    ];
    for (const [word, expected] of table) assert.equal(findNearest(word, known), expected, word);
  });
});

describe('JUnit', () => {
  it('has a case a check, failures with rule and fix, and no character that XML cannot hold', () => {
    const base = { family: 'http' as const, source: 'RFC 1', fix: 'make "it" so' };
    const results: Result[] = [
      { ...base, id: 'a', title: 'A', status: 'ok', found: 'fine' },
      { ...base, id: 'b', title: 'B', status: 'fail', found: 'a < b & \u0001"c"' },
      { ...base, id: 'c', title: 'C', status: 'skip', found: 'why' },
      { ...base, id: 'd', title: 'D', status: 'warn', found: 'old' },
    ];
    assert.equal(
      formatJunit(results, 1500),
      `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="prod-verify" tests="4" failures="1" skipped="1" time="1.500">
  <testsuite name="http" tests="4" failures="1" skipped="1">
    <testcase name="a: A" classname="http"><system-out>fine</system-out></testcase>
    <testcase name="b: B" classname="http"><failure message="a &lt; b &amp; &quot;c&quot;">rule: RFC 1
fix: make &quot;it&quot; so</failure></testcase>
    <testcase name="c: C" classname="http"><skipped message="why"/></testcase>
    <testcase name="d: D" classname="http"><system-out>warning: old</system-out></testcase>
  </testsuite>
</testsuites>
`,
    );
  });
});

describe('what a probe prints', () => {
  const status = (pid: number, parent: number, name: string, uid = 1000) =>
    `\u001estatus ${pid}\nName:\t${name}\nState:\tS (sleeping)\nPPid:\t${parent}\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n` +
    'CapInh:\t0000000000000000\nCapPrm:\t0000000000000001\nCapEff:\t0\nCapBnd:\t0\nCapAmb:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\n';
  const text = [
    status(1, 0, 'docker-init'),
    status(7, 1, 'node'),
    // Somebody's `docker exec`: not of the container.
    status(40, 0, 'sh', 0),
    '\u001emounts\ntmpfs /tmp tmpfs rw,noexec,size=1024k 0 0\ntmpfs /proc/acpi tmpfs ro 0 0\n/dev/vda /etc/hosts ext4 ro 0 0\n',
    '\u001elimits\nMax core file size        0                    0                    bytes\n' +
      'Max open files            1024                 4096                 files\n',
    '\u001ecgroup cpu.max\n150000 100000\n\u001ecgroup memory.max\nmax\n\u001ecgroup pids/pids.max\n200\n',
    '\u001enet/tcp\n  sl  local_address rem_address   st\n' +
      '   0: 0100007F:1F90 00000000:0000 0A 0\n   1: 00000000:0050 00000000:0000 0A 0\n   2: 0100007F:1F90 0100007F:C350 01 0\n',
    '\u001enet/tcp6\n   0: 00000000000000000000000000000000:1538 00000000000000000000000000000000:0000 0A 0\n',
    '\u001enet/route\nIface\tDestination\tGateway\neth0\t00000000\t010011AC\n',
    '\u001ewrite\nEROFS',
    '\u001edial 10.0.0.2:5432\nbash: connect: Connection refused\nexit 1\n',
    '\u001edial 10.0.0.3:5432\nexit 124\n',
    '\u001edial db:5432\nopen\nexit 0\n',
  ].join('');
  const inside = parseInside(parseSections(text), 1);

  it('knows a probe that is a script by the shell in front of it, and nobody who ended meanwhile', () => {
    const status = (pid: number, parent: number) => `status ${pid}\nName:\tx\nPPid:\t${parent}\nState:\tS\n`;
    const parts = [
      `cmdline 40\n/bin/sh\0/etc/healthcheck.sh\0`,
      status(40, 0),
      status(41, 40),
      `cmdline 42\n/bin/sh\0/tmp/healthcheck.sh\0`,
      status(42, 0),
      `cmdline 43\nnode\0`,
      `status 43\n`,
    ];
    const text = parts.map((part) => `\u001e${part}`).join('');
    const { others } = parseInside(parseSections(text), 1, ['/etc/healthcheck.sh']);
    assert.deepEqual(
      others.map(({ pid, isProbe }) => [pid, isProbe]),
      [
        [40, true],
        [41, true],
        [42, false],
      ],
    );
  });

  it('is read for the container’s own processes, not for what was executed in it', () => {
    assert.deepEqual(
      inside.processes.map(({ pid, name, uids }) => [pid, name, uids[1]]),
      [
        [1, 'docker-init', 1000],
        [7, 'node', 1000],
      ],
    );
    assert.equal(inside.processes[0]?.capabilities.permitted, '0000000000000001');
  });

  it('is read for limits, mounts, sockets and routes', () => {
    assert.deepEqual(
      [inside.memory, inside.cpus, inside.pids, inside.openFiles, inside.coreBytes, inside.hasDefaultRoute],
      [null, 1.5, 200, 1024, 0, true],
    );
    assert.deepEqual(inside.tmpfs, [{ path: '/tmp', options: ['rw', 'noexec', 'size=1024k'] }]);
    assert.deepEqual(inside.listeners, ['127.0.0.1:8080', '0.0.0.0:80', '[::]:5432']);
    assert.equal(inside.rootWrite, 'EROFS');
  });

  it('is read for connections that were tried', () => {
    assert.deepEqual(parseDials(parseSections(text)), {
      '10.0.0.2:5432': 'ECONNREFUSED',
      '10.0.0.3:5432': 'no answer',
      'db:5432': 'open',
    });
  });
});

describe('secrets', () => {
  it('are weak when short, repetitive or used twice', () => {
    const strong = 'kX3vQ9zLr2TnYw8BfJ5mHs7D';
    assert.deepEqual(
      findWeakSecrets([
        { key: 'A', value: 'short' },
        { key: 'B', value: 'abababababababababababababab' },
        { key: 'C', value: strong },
        { key: 'D', value: strong },
      ]),
      [
        { key: 'A', problem: 'is shorter than 20 characters' },
        { key: 'B', problem: 'repeats itself' },
        { key: 'D', problem: 'is the same as C' },
      ],
    );
  });

  it('have the date that the env file tells', () => {
    const text = dateSecrets('A=1\n', new Date('2026-03-04T05:06:07Z'));
    assert.equal(readSecretsDate(text), '2026-03-04');
    const renewed = dateSecrets(text, new Date('2026-06-07T08:09:10Z'));
    assert.equal(readSecretsDate(renewed), '2026-06-07');
    assert.match(renewed, /^# Secrets made on 2026-06-07.*\nA=1\n$/);
    assert.equal(readSecretsDate('A=1\n'), undefined);
  });
});

describe('the age of a base', () => {
  it('is that of its newest layer, whatever the image calls itself', () => {
    const layers = ['2026-07-01T00:00:00Z', '2026-11-20T08:00:00Z', '', 'N/A'];
    assert.equal(newestDate(['', '2026-07-01T00:00:00Z', ...layers]), '2026-11-20T08:00:00.000Z');
    assert.equal(newestDate(['']), '');
  });
});

describe('what prod-verify prints', () => {
  const formatted = (facts: Facts, verbose = false) =>
    formatResults(judge(facts), 17_000, FAMILY_TITLES, verbose).map((line) => stripVTControlCharacters(line));

  it('fits a terminal of 80 by 24 where all holds, a line a family', () => {
    const lines = formatted(healthyFacts());
    assert.ok(lines.length <= 22 && lines.every((line) => line.length <= 80), lines.join('\n'));
    assert.equal(
      lines[0],
      `✔ Containers   ${CHECKS.filter(({ family }) => family === 'container').length} hold`,
    );
    assert.match(lines.at(-2) ?? '', /^\d+ checks in 17\.0 s: \d+ hold, 0 broken, 0 to look at, 0 left out/);
  });

  it('tells of what is broken alone, at the end, with rule and fix', () => {
    const facts = healthyFacts();
    facts.drift.processes?.differences.push('kg-backend: sh \u001b[31m(uid 0)\u202e\n was started');
    const lines = formatted(facts);
    const at = lines.findIndex((line) => line.endsWith('[drift-processes]'));
    assert.ok(at > 6);
    assert.match(lines[at + 1] ?? '', /^ {4}kg-backend: sh \(uid 0\)\ufffd was started — this project/);
    assert.match(lines[at + 2] ?? '', /^ {4}→ see who started it/);
    assert.ok(!lines.join('').includes('[drift-mounts]'));
  });

  it('breaks a long line between words where the terminal ends, and loses nothing', () => {
    assert.equal(wrapLine('✔ short [id]', 80), '✔ short [id]');
    assert.equal(wrapLine('    one two three', 12), '    one two\n    three');
    assert.equal(wrapLine('\u001b[31mred and\u001b[39m blue', 8), '\u001b[31mred and\u001b[39m\n    blue');
    const facts = healthyFacts();
    facts.drift.settings?.differences.push('x'.repeat(200), 'many words '.repeat(50));
    for (const line of formatted(facts, true)) {
      const wrapped = wrapLine(line, 80).split('\n');
      assert.equal(wrapped.join('').replace(/\s+/g, ''), line.replace(/\s+/g, ''));
      for (const one of wrapped) assert.ok(one.length <= 80 || !one.trim().includes(' '), one);
    }
  });

  it('tells of every check with VERBOSE=1', () => {
    const text = formatted(healthyFacts(), true).join('\n');
    for (const { id } of CHECKS) assert.ok(text.includes(`[${id}]`), id);
  });
});
