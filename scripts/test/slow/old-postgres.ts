import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../lib/project.ts';
import { mustRun, run } from '../../lib/shell.ts';

const HINT = 'see the output above';
const SOURCES = '/etc/apt/sources.list.d/debian.sources';

/**
 * The project's database image on the PostgreSQL of an older Debian, made as the stand-ins of base images are.
 * @param suite of Debian, which ships that major version
 * @param folder for the files meanwhile
 * @param adapt a shell's line that makes our files fit a version which does not know all they use
 */
export async function makePostgresImage(
  image: string,
  major: string,
  suite: string,
  folder: string,
  adapt = '',
): Promise<void> {
  if ((await run(['docker', 'image', 'inspect', image])).exitCode === 0) return;
  const base = join(ROOT, 'deploy/base');
  const [tar, context, sources] = [
    join(folder, 'root.tar'),
    join(folder, 'base'),
    join(folder, 'old.sources'),
  ];
  writeFileSync(sources, readFileSync(SOURCES, 'utf8').replaceAll('bookworm', suite));
  await mustRun(
    [
      ...['mmdebstrap', '--variant=minbase', '--format=tar', `--include=postgresql-${major},locales`],
      ...[`--dpkgopt=${base}/dpkg.cfg`, `--dpkgopt=${base}/postgres/dpkg.cfg`],
      ...[`--hook-directory=${base}/hooks`, `--hook-directory=${base}/postgres/hooks`],
      // An archived suite is signed as before, and past its date.
      ...['--aptopt=Acquire::Check-Valid-Until "false"', suite, tar, sources],
    ],
    HINT,
  );
  await mustRun(['docker', 'import', tar, `${image}-root`], HINT);
  rmSync(tar);
  mkdirSync(context);
  const text = readFileSync(join(base, 'postgres/Dockerfile'), 'utf8');
  writeFileSync(join(context, 'Dockerfile'), text.replace(/(postgresql\/|PG_MAJOR=)17/g, `$1${major}`));
  await mustRun(['cp', join(base, 'postgres/docker-entrypoint.sh'), context], HINT);
  const root = ['--build-arg', `ROOT=${image}-root`, '--build-arg', `PG_VERSION=${major}`];
  await mustRun(['docker', 'build', ...root, '--tag', `${image}-base`, context], HINT);
  const argv = ['docker', 'build', '--file', 'deploy/postgres.Dockerfile', '--tag', image];
  await mustRun([...argv, '--build-arg', `POSTGRES_BASE=${image}-base`, '.'], HINT, { cwd: ROOT });
  if (!adapt) return;
  const input = `FROM ${image}\nUSER 0:0\nRUN ${adapt}\nUSER 999:999\n`;
  await mustRun(['docker', 'build', '--tag', image, '-'], HINT, { input });
}
