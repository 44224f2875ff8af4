import { findContainer } from '../docker/containers.ts';
import { inspectImage } from '../docker/images.ts';
import { objectExists } from '../docker/inspect.ts';
import { sandboxArgv } from '../docker/sandbox-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { run } from '../process/shell.ts';
import { containerName, type StackSettings, volumeName } from '../stack/stack.ts';

const PGDATA = '/var/lib/postgresql/data';

/**
 * PostgreSQL reads no files of another major version: it would not start, and a newer image could hide the data.
 * @param image the database's image that is to be started
 * @throws DescribedError, before anything is changed
 */
export async function assertReadsData(settings: StackSettings, image: string): Promise<void> {
  const [wanted, volume] = await Promise.all([
    inspectImage(image),
    objectExists('volume', volumeName(settings)),
  ]);
  if (!wanted || !volume) return;
  const container = await findContainer(containerName(settings, 'kidney-genetics-postgres'));
  if (container?.state === 'running' && container.imageId === wanted.id) return;
  const found = await readDataMajor(settings, image);
  if (found === '' || found === wanted.postgresMajor) return;
  throw new DescribedError(
    `The volume ${volumeName(settings)} holds data of PostgreSQL ${found}, and the image is PostgreSQL ${wanted.postgresMajor}, which cannot read them`,
    `start them with an image of ${found}: POSTGRES_BASE=postgres:${found}-trixie make prod-build, then this again; how to move to another major version: docs/operations/database-upgrade.md`,
  );
}

/** The major version that made the data; empty for a volume without any. */
async function readDataMajor(settings: StackSettings, image: string): Promise<string> {
  const mount = ['--volume', `${volumeName(settings)}:${PGDATA}:ro`];
  const argv = ['docker', 'run', '--rm', ...sandboxArgv(), ...mount, '--entrypoint', 'cat', image];
  return (await run([...argv, `${PGDATA}/PG_VERSION`])).stdout.trim();
}
