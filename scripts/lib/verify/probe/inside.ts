/**
 * Runs in the backend's container, which has no shell, given to Node on its standard input: prints what inside.sh prints
 * in the others, and what the backend alone can say.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dialAll } from './dial.ts';

const [root = '1', ...targets] = (process.env.TASK ?? '1').split(' ');
const TOOLS = [
  'sh',
  'bash',
  'dash',
  'ash',
  'busybox',
  'apt-get',
  'dpkg',
  'apk',
  'npm',
  'npx',
  'corepack',
  'python3',
  'perl',
];
const CGROUP = [
  'memory.max',
  'cpu.max',
  'pids.max',
  'memory/memory.limit_in_bytes',
  'cpu/cpu.cfs_quota_us',
  'cpu/cpu.cfs_period_us',
  'pids/pids.max',
];

function attempt(work: () => string): string {
  try {
    return work();
  } catch {
    return '';
  }
}

function print(name: string, text: string): void {
  process.stdout.write(`\u001e${name}\n${text}`);
}

function tryToWrite(): string {
  try {
    writeFileSync('/.verify', '');
    rmSync('/.verify');
    return '';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

const read = (path: string) => attempt(() => readFileSync(path, 'utf8'));

/** The metrics are served on the internal network's address alone. */
async function readMetrics(): Promise<string> {
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address)),
  );
  const texts = addresses.map(async (address) => {
    const url = `http://${address}:${process.env.METRICS_PORT || 9464}/metrics`;
    // Addresses without it refuse at once; on a busy host the one that has it may take seconds.
    return fetch(url, { signal: AbortSignal.timeout(15_000) }).then(
      (response) => response.text(),
      () => '',
    );
  });
  return (await Promise.all(texts)).find((text) => text !== '') ?? '';
}

for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
  print(
    `exe ${pid}`,
    attempt(() => readlinkSync(`/proc/${pid}/exe`)),
  );
  // The status last: who has one was there all the while.
  for (const file of ['stat', 'cmdline', 'environ', 'status'])
    print(`${file} ${pid}`, read(`/proc/${pid}/${file}`));
}
print('self', String(process.pid));
for (const file of ['mounts', 'uptime', 'net/route', 'net/tcp', 'net/tcp6'])
  print(file, read(`/proc/self/${file}`));
print('limits', read(`/proc/${root}/limits`));
print('label', read(`/proc/${root}/attr/current`));
for (const kind of ['pid', 'net', 'ipc', 'uts', 'user', 'cgroup']) {
  print(
    `ns ${kind}`,
    attempt(() => readlinkSync(`/proc/self/ns/${kind}`)),
  );
}
for (const file of CGROUP) print(`cgroup ${file}`, read(`/sys/fs/cgroup/${file}`));
print('write', tryToWrite());
const folders = ['/bin', '/sbin', '/usr/bin', '/usr/sbin', '/usr/local/bin'];
const tools = TOOLS.flatMap((tool) => folders.map((folder) => `${folder}/${tool}`).filter(existsSync));
print('tools', tools.join('\n'));
for (const [target, outcome] of Object.entries(await dialAll(targets))) print(`dial ${target}`, outcome);
print('metrics', await readMetrics());
process.exit(0);
