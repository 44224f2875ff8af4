import plugin from 'fastify-plugin';
import type { Env } from '../env.ts';
import { listChanges } from '../genes/changes.ts';
import { ChangeFeed, maxBatch } from '../live/change-feed.ts';
import { LiveHub } from '../live/hub.ts';
import { MissedChanges } from '../live/missed-changes.ts';

declare module 'fastify' {
  interface FastifyInstance {
    changeFeed: ChangeFeed;
    live: LiveHub;
  }
}

/** Follows the changes in the database as soon as it is ready, and passes them on to the open WebSockets. */
export const live = plugin<{ env: Env }>(
  async (app, { env }) => {
    const { database, log } = app;
    const feed = new ChangeFeed(env, database.control, log);
    const missed = new MissedChanges((seq) => listChanges(database.live, seq, 2 * maxBatch), maxBatch);
    const hub = new LiveHub({
      version: env.version,
      maxClients: env.wsMaxClients,
      maxClientsPerAddress: env.wsMaxClientsPerAddress,
      position: () => feed.position,
      changesSince: (seq) => missed.listAfter(seq, feed.position ?? 0),
      log,
    });
    feed.on('changes', (changes) => hub.broadcast(changes));
    feed.on('resync', (seq) => {
      missed.forget();
      hub.resync(seq);
    });
    database.prepared.then(
      () => feed.start(),
      () => {},
    );
    app.decorate('changeFeed', feed);
    app.decorate('live', hub);
    app.addHook('onClose', () => feed.stop());
  },
  { name: 'live', dependencies: ['database'] },
);
