import { assertReadsData } from '../database/data-version.ts';
import { findContainer } from '../docker/containers.ts';
import { inspectImage } from '../docker/images.ts';
import { DescribedError } from '../process/errors.ts';
import { ROOT } from '../process/root.ts';
import { mustRun } from '../process/shell.ts';
import type { Release } from '../stack/release.ts';
import { containerName, SERVICES, type StackSettings } from '../stack/stack.ts';
import { waitHealthy } from '../stack/wait-healthy.ts';
import { formatDuration, say, sayOk } from '../terminal/report.ts';
import { imageName } from './releases.ts';
import { type Change, isOutdated } from './replace.ts';
import { upServiceArgv } from './replace-argv.ts';

const [POSTGRES] = SERVICES;

/**
 * PostgreSQL reads no files of another major version.
 * @throws DescribedError, before anything is changed
 */
export async function assertSameMajor(settings: StackSettings, from: Release, to: Release): Promise<void> {
  const [running, next] = await Promise.all(
    [from, to].map(({ database }) => inspectImage(imageName(settings, 'postgres', database))),
  );
  // Where the image of what runs is gone the data themselves are asked.
  if (!running || !next) return assertReadsData(settings, imageName(settings, 'postgres', to.database));
  if (running.postgresMajor === next.postgresMajor) return;
  throw new DescribedError(
    `The new database image is PostgreSQL ${next.postgresMajor}, and the data are those of ${running.postgresMajor}`,
    `move them: make prod-db-upgrade; or keep POSTGRES_BASE at ${running.postgresMajor}`,
  );
}

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
  await mustRun(upServiceArgv(settings, POSTGRES), command, { cwd: ROOT, env: variables });
  await waitHealthy(settings, timeoutMs);
  const container = await findContainer(containerName(settings, POSTGRES));
  sayOk(
    `database replaced by ${container?.image}; it was away for ${formatDuration(Date.now() - startedAt)}`,
  );
}
