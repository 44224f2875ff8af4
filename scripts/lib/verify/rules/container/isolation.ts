import { type Check, eachContainer } from '../../check.ts';
import { UP } from '../fixes.ts';

/** What runs on the engine's own account. */
const HOST_NAMESPACES = [
  { kind: 'pid', mode: 'pidMode', item: '5.16', what: 'processes' },
  { kind: 'net', mode: 'networkMode', item: '5.10', what: 'network' },
  { kind: 'ipc', mode: 'ipcMode', item: '5.17', what: 'shared memory' },
  { kind: 'uts', mode: 'utsMode', item: '5.21', what: 'own name' },
  { kind: 'cgroup', mode: 'cgroupMode', item: '5.25', what: 'tree of cgroups' },
] as const;

/** What a container shares with the host. */
export const isolationChecks: readonly Check[] = [
  ...HOST_NAMESPACES.map(
    ({ kind, mode, item, what }): Check => ({
      id: `host-namespace-${kind}`,
      family: 'container',
      title: `No container shares the host’s ${what}`,
      source: `CIS Docker 1.6.0, ${item}`,
      fix: `no "host" for ${kind === 'net' ? 'network_mode' : kind}. ${UP}`,
      judge: (facts) =>
        eachContainer(facts, `each has a namespace of its own (${kind})`, (container) => {
          const own = facts.host.namespaces[kind];
          const shared = container[mode] === 'host' || (own && container.inside?.namespaces[kind] === own);
          return shared ? `shares the host’s ${what}` : undefined;
        }),
    }),
  ),
  {
    id: 'host-namespace-user',
    family: 'container',
    title: 'No container is taken out of the engine’s user namespace',
    source: 'CIS Docker 1.6.0, 5.31',
    fix: `no "userns_mode: host". ${UP}`,
    judge(facts) {
      const { security } = facts.host;
      const kind = security.includes('rootless')
        ? 'the engine is rootless: root in a container is an ordinary user outside'
        : security.includes('userns')
          ? 'userns-remap is on: root in a container is an unprivileged uid outside'
          : 'the engine runs as root without userns-remap, and no process here is root';
      return eachContainer(facts, kind, ({ usernsMode }) =>
        usernsMode === 'host' ? 'userns_mode is host' : undefined,
      );
    },
  },
  {
    id: 'devices',
    family: 'container',
    title: 'No device of the host is handed to a container',
    source: 'CIS Docker 1.6.0, 5.18',
    fix: `no "devices:", "gpus:" or "device_cgroup_rules:". ${UP}`,
    judge: (facts) => eachContainer(facts, 'none', ({ devices }) => devices.join(', ') || undefined),
  },
];
