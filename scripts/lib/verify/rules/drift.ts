import { type Check, none, skip } from '../check.ts';
import type { DriftPart } from '../facts.ts';

const PROMISE = 'this project’s own promise: what runs is compared, whole, with what ought to run';

const PARTS: readonly { part: DriftPart; title: string; source?: string; fix: string }[] = [
  {
    part: 'containers',
    title: 'Each container is, field by field, what Compose makes of the files now',
    fix: 'make prod-up; where that changes nothing: make prod-down prod-up',
  },
  {
    part: 'networks',
    title: 'The stack’s networks and volumes are what Compose makes of the files now',
    fix: 'make prod-down prod-up; a volume stays as it is: what differs is said above',
  },
  {
    part: 'images',
    title: 'The images that run are those that the release was named for',
    source: `CIS Docker 1.6.0, 4.5 (content trust); ${PROMISE}`,
    fix: 'deploy a build that is yours: make prod-update, or go back: make prod-rollback',
  },
  {
    part: 'neighbours',
    title: 'No other container has a part in the stack, or leads past the proxy',
    fix: 'see what it is, then: docker rm -f CONTAINER',
  },
  {
    part: 'processes',
    title: 'Nothing runs in a container but its service, with the service’s own rights',
    fix: 'see who started it: docker top CONTAINER; then: make prod-restart',
  },
  {
    part: 'limits',
    title: 'The kernel’s limits are those that the files ask for',
    source: `CIS Docker 1.6.0, 5.11, 5.12, 5.29; ${PROMISE}`,
    fix: 'make prod-down prod-up',
  },
  {
    part: 'mounts',
    title: 'Nothing is mounted in a container but what the files say',
    fix: 'make prod-down prod-up',
  },
  {
    part: 'database',
    title:
      'Roles, grants, functions, triggers and all else in the catalogs are those of a fresh server of the release',
    fix: 'undo what is said above by hand: docker exec -it CONTAINER psql -U postgres',
  },
  {
    part: 'settings',
    title: 'The server’s settings, and who may sign in, are those of a fresh server of the release',
    fix: 'undo it: ALTER SYSTEM RESET NAME, then make prod-restart',
  },
];

/** Whatever is not as it ought to be, also of a kind that no other check knows. */
export const driftChecks: readonly Check[] = PARTS.map(({ part, title, source = PROMISE, fix }) => ({
  id: `drift-${part}`,
  family: 'drift',
  title,
  source,
  fix,
  judge({ drift }) {
    const compared = drift[part];
    if (!compared) return skip('was not compared');
    const { what, differences } = compared;
    return none(differences, `compared: ${what}`);
  },
}));
