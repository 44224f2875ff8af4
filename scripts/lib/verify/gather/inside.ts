import { CAPABILITY_SETS, type InsideFacts, type ProcessFacts } from '../facts.ts';

/** A number this large stands for "no limit" in cgroup v1. */
const ENDLESS = 2 ** 60;
const CAPABILITY_LINES = {
  effective: 'CapEff',
  permitted: 'CapPrm',
  inheritable: 'CapInh',
  bounding: 'CapBnd',
  ambient: 'CapAmb',
};

/** What a probe printed, by section. */
export type Sections = ReadonlyMap<string, string>;

/** Splits what probe/inside.sh and probe/inside.ts print. */
export function parseSections(text: string): Sections {
  const parts = text.split('\u001e').slice(1);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf('\n');
      return [part.slice(0, end), part.slice(end + 1)] as const;
    }),
  );
}

/**
 * Reads the kernel's files of a container.
 * @param root the container's first process as its /proc numbers it
 * @param probe the command of its health check
 */
export function parseInside(sections: Sections, root: number, probe: readonly string[] = []): InsideFacts {
  const section = (name: string) => sections.get(name)?.trim() ?? '';
  const limits = section('limits');
  return {
    ...parseProcesses(sections, root, probe),
    namespaces: Object.fromEntries(
      [...sections]
        .filter(([name]) => name.startsWith('ns '))
        .map(([name, text]) => [name.slice(3), text.trim()]),
    ),
    label: section('label').split('\0').join(''),
    rootWrite: section('write'),
    tmpfs: parseTmpfs(section('mounts')),
    mountPoints: section('mounts')
      .split('\n')
      .flatMap((text) => text.split(' ')[1] ?? []),
    memory: parseLimit(section('cgroup memory.max') || section('cgroup memory/memory.limit_in_bytes')),
    cpus: parseCpus(sections),
    pids: parseLimit(section('cgroup pids.max') || section('cgroup pids/pids.max')),
    openFiles: parseLimit(/^Max open files\s+(\S+)/m.exec(limits)?.[1] ?? ''),
    coreBytes: parseLimit(/^Max core file size\s+\S+\s+(\S+)/m.exec(limits)?.[1] ?? ''),
    tools: section('tools').split('\n').filter(Boolean),
    listeners: [section('net/tcp'), section('net/tcp6')].flatMap(parseListeners),
    // Destination 00000000: proc(5), /proc/net/route.
    hasDefaultRoute: /^\S+\s+00000000\s/m.test(section('net/route')),
  };
}

/** The container's own processes, and those that `docker exec` started; not the probe that reads this. */
function parseProcesses(
  sections: Sections,
  root: number,
  probe: readonly string[],
): Pick<InsideFacts, 'processes' | 'others'> {
  const text = (name: string) => sections.get(name) ?? '';
  const all = [...sections]
    .filter(([name, status]) => name.startsWith('status ') && status.trim() !== '')
    .map(([name, status]) => parseProcess(Number(name.slice(7)), status, text))
    .sort((a, b) => a.pid - b.pid);
  const command = probe.map((word) => `${word}\0`).join('');
  // Of a script the kernel names the shell first.
  const isProbe = ({ pid }: ProcessFacts) =>
    text(`cmdline ${pid}`).replace(/^(\/usr)?\/bin\/(ba|da)?sh\0(?=\/)/, '') === command;
  const probes = descendants(all, probe.length > 0 ? all.filter(isProbe).map(({ pid }) => pid) : []);
  const own = descendants(all, [root]);
  const reader = descendants(all, [Number(text('self') || -1)]);
  return {
    processes: all.filter(({ pid }) => own.has(pid) && !reader.has(pid)),
    others: all
      .filter(({ pid }) => !own.has(pid) && !reader.has(pid))
      .map((one) => ({ ...one, isProbe: probes.has(one.pid) })),
  };
}

/** Processes and all that come from them. */
function descendants(all: readonly ProcessFacts[], roots: readonly number[]): ReadonlySet<number> {
  const own = new Set(roots);
  for (let grown = true; grown; ) {
    const more = all.filter(({ parent, pid }) => own.has(parent) && !own.has(pid));
    for (const { pid } of more) own.add(pid);
    grown = more.length > 0;
  }
  return own;
}

/** Clock ticks a second in /proc/PID/stat: proc(5), sysconf(3). */
const TICKS = 100;

function parseProcess(pid: number, status: string, text: (section: string) => string): ProcessFacts {
  // Field 22, counted from behind the name, which may hold anything.
  const started = Number(text(`stat ${pid}`).replace(/^.*\)/s, '').split(' ')[20]) / TICKS;
  return {
    pid,
    parent: Number(line(status, 'PPid')),
    name: line(status, 'Name'),
    program: text(`exe ${pid}`).trim(),
    isProbe: false,
    seconds: Math.max(0, Number(text('uptime').split(' ')[0]) - started) || 0,
    state: line(status, 'State').slice(0, 1),
    uids: line(status, 'Uid').split(/\s+/).map(Number),
    capabilities: Object.fromEntries(
      CAPABILITY_SETS.map((set) => [set, line(status, CAPABILITY_LINES[set])]),
    ) as ProcessFacts['capabilities'],
    noNewPrivileges: line(status, 'NoNewPrivs') === '1',
    seccomp: Number(line(status, 'Seccomp')),
  };
}

function line(status: string, name: string): string {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '';
}

/** The tmpfs mounts that the stack asked for, not the engine's own. */
function parseTmpfs(mounts: string): InsideFacts['tmpfs'] {
  return mounts.split('\n').flatMap((text) => {
    const [, path = '', type, options = ''] = text.split(' ');
    if (type !== 'tmpfs' || (/^\/(dev|proc|sys)(\/|$)/.test(path) && path !== '/dev/shm')) return [];
    return [{ path, options: options.split(',') }];
  });
}

function parseLimit(text: string): number | null {
  const value = Number(text.trim() || Number.NaN);
  return Number.isFinite(value) && value >= 0 && value < ENDLESS ? value : null;
}

function parseCpus(sections: Sections): number | null {
  const [quota = '', period = ''] = (
    sections.get('cgroup cpu.max')?.trim() ||
    `${sections.get('cgroup cpu/cpu.cfs_quota_us')?.trim()} ${sections.get('cgroup cpu/cpu.cfs_period_us')?.trim()}`
  ).split(' ');
  const [most, per] = [parseLimit(quota), parseLimit(period)];
  return most !== null && per ? most / per : null;
}

/** Sockets in the state 0A (listening) of /proc/net/tcp and tcp6, whose addresses are hexadecimal words of the host's order. */
function parseListeners(table: string): string[] {
  return [...table.matchAll(/^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F:]+ 0A /gm)].map(
    ([, address = '', port = '']) => {
      return `${parseAddress(address)}:${Number.parseInt(port, 16)}`;
    },
  );
}

function parseAddress(hex: string): string {
  if (hex.length === 8)
    return (hex.match(/../g) ?? [])
      .reverse()
      .map((byte) => Number.parseInt(byte, 16))
      .join('.');
  if (/^0+$/.test(hex)) return '[::]';
  if (/^0{24}01000000$/.test(hex)) return '[::1]';
  // ::ffff:a.b.c.d
  if (/^0{16}FFFF0000/.test(hex)) return parseAddress(hex.slice(24));
  return `[${hex}]`;
}

const OUTCOMES: readonly [RegExp, string][] = [
  [/^open$/m, 'open'],
  [/^somebody else answers$/m, 'somebody else answers'],
  [/Connection refused/i, 'ECONNREFUSED'],
  [/Network is unreachable/i, 'ENETUNREACH'],
  [/No route to host/i, 'EHOSTUNREACH'],
  [/name resolution|not known|Name or service/i, 'ENOTFOUND'],
  [/^exit 124$/m, 'no answer'],
];

/** The connections that a probe tried, each with its outcome. */
export function parseDials(sections: Sections): Record<string, string> {
  return Object.fromEntries(
    [...sections]
      .filter(([name]) => name.startsWith('dial '))
      .map(([name, text]) => [
        name.slice(5),
        OUTCOMES.find(([pattern]) => pattern.test(text))?.[1] ??
          (text.trim().split('\n')[0] || 'could not be tried'),
      ]),
  );
}
