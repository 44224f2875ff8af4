import plugin from 'fastify-plugin';
import type { Env } from '../env.ts';
import { FollowedIndex } from '../search/followed-index.ts';

declare module 'fastify' {
  interface FastifyInstance {
    geneIndex: FollowedIndex;
    /** Resolves once searches can be answered at once, or when it failed: the first search tries again. */
    geneIndexLoaded: Promise<void>;
  }
}

/** Keeps an index of the genes in memory. It is loaded at the start, and follows changes before anybody asks. */
export const search = plugin<{ env: Env }>(
  async (app, { env }) => {
    const { database, changeFeed } = app;
    const ending = new AbortController();
    const index = new FollowedIndex(env, database.main, ending.signal);
    const follow = () => index.catchUp().catch(() => {});
    app.decorate('geneIndex', index);
    app.decorate(
      'geneIndexLoaded',
      database.prepared.then(follow, () => {}),
    );
    changeFeed.on('changes', follow);
    changeFeed.on('resync', follow);
    app.addHook('onClose', async () => ending.abort());
  },
  { name: 'search', dependencies: ['database', 'live'] },
);
