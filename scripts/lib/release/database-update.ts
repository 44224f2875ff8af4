import { findContainer } from '../docker/containers.ts';
import { mustMake } from '../docker/make.ts';
import { ROOT } from '../process/root.ts';
import { containerName, SERVICES } from '../stack/stack.ts';
import { waitHealthy } from '../stack/wait-healthy.ts';
import { formatDuration, say, sayOk } from '../terminal/report.ts';
import { type Change, isOutdated } from './replace.ts';
import { upServiceArgv } from './replace-argv.ts';

const [POSTGRES] = SERVICES;

/** Stops the database and starts it from its new image; says how long it was away. */
export async function updateDatabase(change: Change): Promise<void> {
  const { settings, variables, timeoutMs, command } = change;
  if (!(await isOutdated(POSTGRES, change))) {
    sayOk('database is as it should be already');
    return;
  }
  say(
    '  database: stopping it for its own update; until it is back the API answers 503 and keeps its connections',
  );
  const startedAt = Date.now();
  await mustMake(upServiceArgv(settings, POSTGRES), command, { cwd: ROOT, env: variables });
  await waitHealthy(settings, timeoutMs);
  const container = await findContainer(containerName(settings, POSTGRES));
  sayOk(
    `database replaced by ${container?.image}; it was away for ${formatDuration(Date.now() - startedAt)}`,
  );
}
