import type { Server } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';

/** Longer than this nobody is waited for: with more who come than are let in, the port would never close. */
const maxMs = 500;

/**
 * Has a server let in everybody who has connected already before it closes its port: the kernel resets whoever still waits
 * there, and a proxy sends no edit a second time. Node lets one connection in at each turn of the event loop.
 */
export function letInBeforeClose(server: Server): void {
  const close = server.close.bind(server);
  server.close = (callback) => {
    // In the turn in which nobody came: nothing else runs between.
    void untilNobodyComes(server).then(() => close(callback));
    return server;
  };
}

async function untilNobodyComes(server: Server): Promise<void> {
  const end = Date.now() + maxMs;
  let came = true;
  const note = () => {
    came = true;
  };
  server.on('connection', note);
  // The turn that is under way may have let somebody in before it came to us.
  await turn();
  while (came && Date.now() < end) {
    came = false;
    await turn();
  }
  server.off('connection', note);
}
