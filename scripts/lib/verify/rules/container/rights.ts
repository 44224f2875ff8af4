import { type Check, eachContainer, eachInside, perService, warn } from '../../check.ts';
import { CAPABILITY_SETS, type CapabilitySet, type ContainerFacts } from '../../facts.ts';
import { UP } from '../fixes.ts';

const UIDS: Readonly<Record<string, number>> = { backend: 1000, frontend: 101, postgres: 999 };

const users: Check[] = [
  {
    id: 'user',
    family: 'container',
    title: 'Every process runs under its service’s own uid, none as root',
    source: 'CIS Docker 1.6.0, 4.1',
    fix: `the images name their USER; no "user:" in an override. ${UP}`,
    judge: (facts) =>
      eachInside(facts, perService(facts, listUids), (inside, { service }) => {
        const wrong = inside.processes.filter(({ uids }) =>
          uids.some((uid) => uid === 0 || (UIDS[service] !== undefined && uid !== UIDS[service])),
        );
        return wrong.length > 0
          ? wrong.map((one) => `${one.name} runs as ${one.uids[1]}`).join(', ')
          : undefined;
      }),
  },
];

function listUids({ inside }: ContainerFacts): string {
  return [...new Set(inside?.processes.flatMap(({ uids }) => uids))].join('/');
}

const CAPABILITY_TITLES: Readonly<Record<CapabilitySet, string>> = {
  effective: 'No process has a capability in force',
  permitted: 'No process may put a capability in force',
  inheritable: 'No process hands a capability on to programs that it starts',
  bounding: 'No program started in a container can gain a capability',
  ambient: 'No process keeps capabilities across the start of a program',
};

const capabilities = CAPABILITY_SETS.map(
  (set): Check => ({
    id: `capabilities-${set}`,
    family: 'container',
    title: CAPABILITY_TITLES[set],
    source: 'CIS Docker 1.6.0, 5.4; OWASP Docker rule 3',
    fix: `"cap_drop: [ALL]" and no "cap_add:". ${UP}`,
    judge: (facts) =>
      eachInside(facts, `${set} set 0 in every process`, (inside) => {
        const holder = inside.processes.find((one) => /[^0]/.test(one.capabilities[set]));
        return holder && `${holder.name} has ${holder.capabilities[set].replace(/^0+/, '0x')}`;
      }),
  }),
);

const confinement: Check[] = [
  {
    id: 'no-new-privileges',
    family: 'container',
    title: 'No process can gain privileges by a set-uid program',
    source: 'CIS Docker 1.6.0, 5.26; OWASP Docker rule 4',
    fix: `security_opt: ["no-new-privileges=true"]. ${UP}`,
    judge: (facts) =>
      eachInside(facts, 'NoNewPrivs 1 in every process', (inside) => {
        const free = inside.processes.find(({ noNewPrivileges }) => !noNewPrivileges);
        return free && `${free.name} has NoNewPrivs 0`;
      }),
  },
  {
    id: 'seccomp',
    family: 'container',
    title: 'The kernel filters the system calls of every process',
    source: 'CIS Docker 1.6.0, 5.22; OWASP Docker rule 6',
    fix: `no "seccomp:unconfined", and an engine with seccomp (docker info). ${UP}`,
    judge(facts) {
      if (!facts.host.security.includes('seccomp')) return warn('this engine offers no seccomp');
      return eachInside(facts, 'Seccomp 2 (filter) in every process', (inside) => {
        const free = inside.processes.find(({ seccomp }) => seccomp !== 2);
        return free && `${free.name} has Seccomp ${free.seccomp}`;
      });
    },
  },
  {
    id: 'mandatory-access-control',
    family: 'container',
    title: 'AppArmor or SELinux confines every container where the host offers it',
    source: 'CIS Docker 1.6.0, 5.2 and 5.3; OWASP Docker rule 6',
    fix: 'no "apparmor:unconfined" or "label:disable"; docs/deployment/security-hardening.md tells which hosts offer what',
    judge(facts) {
      const offered = ['apparmor', 'selinux'].filter((name) => facts.host.security.includes(name));
      const off = eachContainer(facts, '', ({ securityOptions }) =>
        securityOptions.find((option) => /^apparmor[:=]unconfined|^label[:=]disable/.test(option)),
      );
      if (off.status === 'fail') return off;
      if (offered.length === 0) return warn('this host’s engine offers neither AppArmor nor SELinux');
      return eachInside(facts, `${offered.join(' and ')}: every container is confined`, ({ label }) =>
        label === '' || /unconfined/.test(label) ? `label "${label}"` : undefined,
      );
    },
  },
  {
    id: 'privileged',
    family: 'container',
    title: 'No container is privileged',
    source: 'CIS Docker 1.6.0, 5.5',
    fix: `no "privileged:". ${UP}`,
    judge: (facts) =>
      eachContainer(facts, 'Privileged false in all', ({ privileged }) =>
        privileged ? 'privileged' : undefined,
      ),
  },
];

/** What a process in a container may do. */
export const rightChecks: readonly Check[] = [...users, ...capabilities, ...confinement];
