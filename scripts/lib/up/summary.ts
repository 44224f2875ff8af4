import type { ContainerInfo } from '../docker/containers.ts';
import { type Mode, type StackSettings, volumeName } from '../stack/stack.ts';
import { formatDuration, say, sayOk } from '../terminal/report.ts';

/** Which containers run since when: equal texts mean nothing was changed. */
export function identify(containers: readonly ContainerInfo[]): string {
  return containers.map(({ id, startedAt }) => `${id} ${startedAt}`).join('\n');
}

/** Says that all is up, where it is reached and what is next. */
export function summarize(mode: Mode, settings: StackSettings, same: boolean, startedAt: number): void {
  const took = formatDuration(Date.now() - startedAt);
  sayOk(same ? `Already up and unchanged (${took})` : `All healthy in ${took}`);
  if (mode === 'production') {
    const domain = settings.domain ?? 'your domain';
    say(
      `  In Nginx Proxy Manager forward ${domain} to http://${settings.prefix}-frontend:80, WebSocket support on`,
    );
    say('  Next: make prod-health');
    return;
  }
  const host = settings.bind === '0.0.0.0' ? 'YOUR_VPS_IP' : settings.bind;
  say(`  Page      http://${host}:${settings.ports.frontend}`);
  say(`  API       http://${host}:${settings.ports.backend}/api/health`);
  say(`  Database  ${host}:${settings.ports.postgres}`);
  say(`  Data      volume ${volumeName(settings)}, the one that production uses`);
  say('  Next: make prod-test-health, then make prod-test-down and make prod-up');
}
