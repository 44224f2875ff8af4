import type { App } from '../../lib/app/app.ts';

export const app: App = {
  pageMark: 'id="notes"',
  deepLink: '/?from=plain',
  list: '/notes',
  refusedList: '/notes?none-such=1',
  webSocket: '/ws/notes',
  edit: { scope: 'notes:write', method: 'DELETE', path: '/notes/0', body: {}, status: 404 },
};
