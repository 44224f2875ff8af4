import { type Check, eachContainer, eachInside } from '../../check.ts';
import { UP } from '../fixes.ts';

/** What each service listens on, to every address. */
const PORTS: Readonly<Record<string, readonly number[]>> = {
  backend: [8000],
  frontend: [80],
  postgres: [5432],
};
const METRICS_PORT = 9464;

const isLoopback = (address: string) => /^(127\.|\[?::1)/.test(address);
const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1));

/** What is published and listened on. */
export const portChecks: readonly Check[] = [
  {
    id: 'published-ports',
    family: 'network',
    title: 'No port is published on the host',
    source: 'CIS Docker 1.6.0, 5.9',
    fix: `no "ports:" in production. ${UP}`,
    notInTestMode: 'test mode is there for its ports',
    judge: (facts) => eachContainer(facts, 'none', (container) => container.ports.join(', ') || undefined),
  },
  {
    id: 'published-addresses',
    family: 'network',
    title: 'What is published is published on 127.0.0.1 alone',
    source: 'CIS Docker 1.6.0, 5.14',
    fix: 'leave TEST_BIND out, or take test mode down when you are done: make prod-test-down',
    judge: (facts) =>
      eachContainer(
        facts,
        facts.stack.mode === 'test' ? '127.0.0.1 alone' : 'nothing is published',
        (container) =>
          container.ports.filter((port) => !/^(127\.0\.0\.1|\[?::1\]?):/.test(port)).join(', ') || undefined,
      ),
  },
  {
    id: 'listening-ports',
    family: 'network',
    title: 'Each service listens on its own port and on no other that a network could reach',
    source: 'CIS Docker 1.6.0, 5.9',
    fix: `see what opened it: make prod-logs. ${UP}`,
    judge: (facts) =>
      eachInside(
        facts,
        'frontend 80, backend 8000 (and metrics, inside), postgres 5432',
        ({ listeners }, container) => {
          const expected = PORTS[container.service] ?? [];
          const odd = listeners.filter(
            (address) =>
              !isLoopback(address) &&
              !expected.includes(portOf(address)) &&
              !isMetrics(address, container.service),
          );
          return odd.join(', ') || undefined;
        },
      ),
  },
];

function isMetrics(address: string, service: string): boolean {
  return service === 'backend' && portOf(address) === METRICS_PORT;
}
