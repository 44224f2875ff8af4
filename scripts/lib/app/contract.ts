import type { App } from './app.ts';

/** Kidney Genetics. */
export const app: App = {
  pageMark: 'id="app"',
  deepLink: '/genes/PKD1?from=plain',
  list: '/genes',
  refusedList: '/genes?none-such=1',
  webSocket: '/ws/genes',
  edit: { scope: 'genes:write', method: 'PATCH', path: '/genes/NONE', body: { name: 'x' }, status: 404 },
};
