import type { Socket } from 'node:net';
import plugin from 'fastify-plugin';
import type { Env } from '../env.ts';
import type { Neighbours } from '../lib/neighbours.ts';

/**
 * Connections from outside the stack's own networks: as many as requests and WebSockets that are answered at once. Whoever opens
 * more takes none from nginx, whose connections are not counted.
 */
export const neighbourLimit = plugin<{ env: Env; neighbours: Neighbours }>(
  async (app, { env, neighbours }) => {
    const most = env.maxConcurrentRequests + env.wsMaxClients;
    let open = 0;
    app.server.on('connection', (socket: Socket) => {
      if (neighbours.isOwn(socket.remoteAddress)) return;
      if (open >= most) {
        socket.destroy();
        return;
      }
      open += 1;
      socket.once('close', () => {
        open -= 1;
      });
    });
  },
  { name: 'neighbour-limit' },
);
