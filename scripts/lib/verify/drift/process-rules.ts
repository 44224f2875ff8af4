import type { ContainerFacts, InsideFacts, ProcessFacts } from '../facts.ts';

/** What each service runs: one program, alone or with children of its own. */
const PROGRAMS: Readonly<Record<string, { program: string; forks: boolean; helpers: readonly string[] }>> = {
  backend: { program: 'node', forks: false, helpers: [] },
  frontend: { program: 'nginx', forks: true, helpers: [] },
  // What the kit's own commands and probes start beside it.
  postgres: {
    program: 'postgres',
    forks: true,
    helpers: [
      'timeout',
      'setpriv',
      'psql',
      'pg_dump',
      'pg_dumpall',
      'pg_restore',
      'pg_isready',
      'pg_basebackup',
    ],
  },
};
type Processes = Pick<InsideFacts, 'processes' | 'others'>;
const INIT = /^(docker-init|tini|catatonit)$/;
/** A probe that lives longer is none: its limit is 10 s. */
const PROBE_SECONDS = 30;

/** How long the engine's own runc may be about to become what was asked for. */
const START_SECONDS = 5;
/** Dead, or not yet what it will be: whoever stays is seen by the next look. */
const isPassing = ({ state, name, seconds }: ProcessFacts) =>
  state === 'Z' || (/^runc:\[/.test(name) && seconds < START_SECONDS);

/**
 * Finds the processes of a container that its image and its compose file do not explain.
 * @returns one line each: `sh (uid 0) was started beside the service`
 */
export function findStrangers({ service, init, inside }: ContainerFacts): string[] {
  const expected = PROGRAMS[service];
  if (!inside || !expected) return [];
  const { processes, others } = inside;
  const [root] = processes;
  const first = init ? processes.filter(({ parent }) => parent === root?.pid) : processes.slice(0, 1);
  const [shell] = first;
  // The frontend's entrypoint stays, to tell nginx what a signal means.
  const behind = processes.find(
    (one) => shell && one.parent === shell.pid && baseName(one) === expected.program,
  );
  const main = service === 'frontend' && shell && baseName(shell) === 'dash' ? (behind ?? shell) : shell;
  if (!root || !main) return ['its processes could not be read'];
  const alike = (one: ProcessFacts) => rightsOf(one) === rightsOf(main);
  const say = (one: ProcessFacts, why: string) =>
    `${baseName(one) || one.name} (pid ${one.pid}, uid ${one.uids[1]}) ${why}`;
  return [
    ...(init && !INIT.test(baseName(root)) ? [say(root, 'is no init')] : []),
    ...(baseName(main) === expected.program ? [] : [say(main, `runs in the place of ${expected.program}`)]),
    ...first.slice(1).map((one) => say(one, 'was started beside the service')),
    ...processes
      .filter((one) => one !== root && one !== main && one.state !== 'Z' && !first.includes(one))
      .filter((one) => !expected.forks || one.program !== main.program)
      .map((one) => say(one, `is no part of ${expected.program}`)),
    ...processes
      .filter((one) => one.state !== 'Z' && !alike(one))
      .map((one) => say(one, `has other rights than ${main.name}`)),
    ...others
      .filter(
        (one) =>
          !isPassing(one) &&
          (!alike(one) ||
            !(expected.helpers.includes(baseName(one)) || (one.isProbe && one.seconds < PROBE_SECONDS))),
      )
      .map((one) => say(one, 'was started in the container by somebody')),
  ];
}

/**
 * Of two looks at a container some seconds apart: the processes of the second one that the first has seen, too. What the engine, a
 * probe or another command of the kit had just started is gone by then, or has become what it was to be.
 */
export function whoStays(first: Processes, second: Processes): Processes {
  const seen = new Set([...first.processes, ...first.others].map(({ pid }) => pid));
  const stay = (all: readonly ProcessFacts[]) => all.filter(({ pid }) => seen.has(pid));
  return { processes: stay(second.processes), others: stay(second.others) };
}

function baseName({ program }: ProcessFacts): string {
  return program.replace(/^.*\//, '');
}

function rightsOf({ uids, capabilities, noNewPrivileges, seccomp }: ProcessFacts): string {
  return JSON.stringify([uids, capabilities, noNewPrivileges, seccomp]);
}
