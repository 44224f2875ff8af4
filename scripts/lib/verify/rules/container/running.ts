import { SERVICES, shortName } from '../../../stack/stack.ts';
import {
  asked,
  type Check,
  eachContainer,
  eachInside,
  fail,
  ok,
  perService,
  serviceOf,
} from '../../check.ts';
import { UP } from '../fixes.ts';

/** Whether a container runs, comes back and can be looked at. */
export const runningChecks: readonly Check[] = [
  {
    id: 'restart-policy',
    family: 'container',
    title: 'Each container comes back after a crash and after a reboot',
    source: 'This project’s own promise: it comes back by itself',
    fix: `restart: unless-stopped. ${UP}`,
    judge: (facts) =>
      eachContainer(facts, 'unless-stopped in each', ({ restart }) =>
        restart === 'unless-stopped' ? undefined : `restart is ${restart || 'no'}`,
      ),
  },
  {
    id: 'health-check',
    family: 'container',
    title: 'Each container has a health check',
    source: 'CIS Docker 1.6.0, 5.27',
    fix: `healthcheck: in compose. ${UP}`,
    judge: (facts) =>
      eachContainer(facts, 'all have one', ({ hasHealthCheck }) => (hasHealthCheck ? undefined : 'has none')),
  },
  {
    id: 'health',
    family: 'container',
    title: 'All services are there, and each health check passes',
    source: 'This project’s own promise: all services are healthy',
    fix: 'see why: make prod-health, make prod-logs',
    judge(facts) {
      const absent = SERVICES.map(shortName).filter((service) => !serviceOf(facts, service));
      if (absent.length > 0) return fail(`${absent.join(', ')}: no container`);
      return eachContainer(facts, 'all healthy', ({ state, health, hasHealthCheck }) => {
        if (state !== 'running') return state;
        return hasHealthCheck && health !== 'healthy' ? health : undefined;
      });
    },
  },
  {
    id: 'init',
    family: 'container',
    title: 'Node runs under an init that passes signals on',
    source: 'This project’s own promise: a stop finishes what was begun',
    fix: `init: true. ${UP}`,
    judge: (facts) =>
      asked(facts, 'backend', serviceOf(facts, 'backend')?.inside, ({ processes }) => {
        const text = `process 1 of the backend is ${processes[0]?.name}`;
        return /^(docker-init|tini)$/.test(processes[0]?.name ?? '') ? ok(text) : fail(text);
      }),
  },
  {
    id: 'zombies',
    family: 'container',
    title: 'No dead process is left unreaped',
    source: 'CIS Docker 1.6.0, 5.29',
    fix: 'make prod-restart',
    judge: (facts) =>
      eachInside(facts, 'none', ({ processes }) => {
        const dead = processes.filter(({ state }) => state === 'Z');
        return dead.length > 0 ? dead.map(({ name, pid }) => `${name} (${pid})`).join(', ') : undefined;
      }),
  },
  {
    id: 'log-driver',
    family: 'container',
    title: 'Logs go to a driver that docker logs can read',
    source: 'This project’s own promise: logs are bounded and at hand',
    fix: `logging.driver: json-file. ${UP}`,
    judge: (facts) =>
      eachContainer(
        facts,
        perService(facts, ({ logDriver }) => logDriver),
        ({ logDriver }) => (/^(json-file|local)$/.test(logDriver) ? undefined : `driver ${logDriver}`),
      ),
  },
  {
    id: 'log-rotation',
    family: 'container',
    title: 'Logs are rotated before they fill the disk',
    source: 'This project’s own promise: logs are bounded and at hand',
    fix: `logging.options max-size: 50m, max-file: "5". ${UP}`,
    judge: (facts) =>
      eachContainer(facts, '5 files of 50 MB each', ({ logOptions }) => {
        const { 'max-size': size, 'max-file': count } = logOptions;
        return size === '50m' && count === '5'
          ? undefined
          : `max-size ${size ?? 'none'}, max-file ${count ?? 'none'}`;
      }),
  },
];
