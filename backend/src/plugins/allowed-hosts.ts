import plugin from 'fastify-plugin';
import { isHostAllowed, parseHostName } from '../lib/hosts.ts';
import { Problem } from '../lib/problem.ts';

/**
 * Refuses requests for host names that are not ours (ALLOWED_HOSTS), which guards against DNS rebinding and poisoned
 * links. Health probes come by address, from inside, so they may use any name.
 */
export const allowedHosts = plugin<{ hosts: readonly string[] }>(
  async (app, { hosts }) => {
    app.addHook('onRequest', async (request) => {
      const name = parseHostName(request.headers.host);
      if (name !== null && isHostAllowed(name, hosts)) return;
      if (/^\/api\/health(\/live)?(\?|$)/.test(request.url)) return;
      throw new Problem('bad-host', `The host "${request.headers.host ?? ''}" is not in ALLOWED_HOSTS.`);
    });
  },
  { name: 'allowed-hosts' },
);
