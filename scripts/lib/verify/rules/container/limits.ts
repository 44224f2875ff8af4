import { formatBytes } from '../../../terminal/report.ts';
import { type Check, eachInside, type Finding, fail, perService } from '../../check.ts';
import type { Facts, InsideFacts } from '../../facts.ts';
import { UP } from '../fixes.ts';

/** How much of the host a container may take. */
export const limitChecks: readonly Check[] = [
  {
    id: 'limit-memory',
    family: 'container',
    title: 'The kernel limits the memory of each container',
    source: 'CIS Docker 1.6.0, 5.11; OWASP Docker rule 7',
    fix: `deploy.resources.limits.memory. ${UP}`,
    judge: (facts) => eachLimit(facts, 'memory', (inside) => formatBytes(inside.memory ?? 0)),
  },
  {
    id: 'limit-cpu',
    family: 'container',
    title: 'The kernel limits the CPU time of each container',
    source: 'CIS Docker 1.6.0, 5.12; OWASP Docker rule 7',
    fix: `deploy.resources.limits.cpus. ${UP}`,
    judge: (facts) => eachLimit(facts, 'cpus', (inside) => `${inside.cpus} CPU`),
  },
  {
    id: 'limit-processes',
    family: 'container',
    title: 'The kernel limits the number of processes of each container',
    source: 'CIS Docker 1.6.0, 5.29; OWASP Docker rule 7',
    fix: `deploy.resources.limits.pids. ${UP}`,
    judge: (facts) => eachLimit(facts, 'pids', (inside) => String(inside.pids)),
  },
  {
    id: 'limit-open-files',
    family: 'container',
    title: 'Each process may open enough files, and not endlessly many',
    source: 'CIS Docker 1.6.0, 5.19',
    fix: `ulimits.nofile between 16384 and 1048576. ${UP}`,
    judge: (facts) =>
      eachInside(
        facts,
        perService(facts, ({ inside }) => String(inside?.openFiles)),
        ({ openFiles }) => {
          if (openFiles === null || openFiles > 1_048_576) return `${openFiles ?? 'endless'} open files`;
          return openFiles < 16_384 ? `${openFiles} open files are too few for nginx` : undefined;
        },
      ),
  },
  {
    id: 'limit-core-dump',
    family: 'container',
    title: 'A crash writes no core dump, which would hold secrets',
    source: 'CIS Docker 1.6.0, 5.19; OWASP Secrets Management',
    fix: `ulimits.core: 0. ${UP}`,
    judge: (facts) =>
      eachInside(facts, 'core size 0 in each', ({ coreBytes }) =>
        coreBytes === 0 ? undefined : `core size ${coreBytes ?? 'unlimited'}`,
      ),
  },
];

/** A limit that the compose file sets, as the kernel has it. */
function eachLimit(
  facts: Facts,
  limit: 'memory' | 'cpus' | 'pids',
  say: (inside: InsideFacts) => string,
): Finding {
  const { cgroupDriver, cgroupVersion } = facts.host;
  if (cgroupDriver === 'none') {
    return fail(
      `this engine is rootless and can set no limits: they need cgroup v2 (here v${cgroupVersion}) delegated by ` +
        'systemd, docs/deployment/security-hardening.md',
    );
  }
  return eachInside(
    facts,
    perService(facts, ({ inside }) => (inside ? say(inside) : 'not running')),
    (inside) => (inside[limit] === null ? 'no limit' : undefined),
  );
}
