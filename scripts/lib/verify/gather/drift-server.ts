import { inspect } from '../../docker/inspect.ts';
import { DescribedError } from '../../process/errors.ts';
import { containerName, SERVICES, type StackSettings } from '../../stack/stack.ts';
import { type FreshServer, readCatalog, readFreshCatalog } from '../drift/catalog.ts';
import { compareCatalogs, parseCatalog } from '../drift/catalog-rules.ts';
import type { ComposeModel } from '../drift/engine-rules.ts';
import type { DriftFacts } from '../facts.ts';

const [POSTGRES, BACKEND] = SERVICES;
/** What a server is made with, beside what its image says. */
const SERVER_ENV = ['POSTGRES_USER', 'POSTGRES_DB', 'APP_USER', 'POSTGRES_INITDB_ARGS'];
/** What of a comparison is the server's configuration and lives in no catalog. */
const SETTINGS =
  /^pg_(settings|file_settings|hba_file_rules|ident_file_mappings|replication_slots|prepared_xacts) /;

/**
 * Compares the database's server with a fresh one of the same release.
 * @throws DescribedError when one of them cannot be asked
 */
export async function compareServer(
  settings: StackSettings,
  model: ComposeModel,
): Promise<Pick<DriftFacts, 'database' | 'settings'>> {
  const fresh = await findServer(model);
  const [expected, found] = (
    await Promise.all([
      readFreshCatalog(settings.prefix, fresh),
      readCatalog(containerName(settings, POSTGRES), fresh.env.POSTGRES_DB ?? ''),
    ])
  ).map(parseCatalog) as [Catalog, Catalog];
  const differences = compareCatalogs(expected, found);
  const what = `${found.size} rows with a fresh server of the release`;
  return {
    database: { what, differences: differences.filter((line) => !SETTINGS.test(line)) },
    settings: { what, differences: differences.filter((line) => SETTINGS.test(line)) },
  };
}

type Catalog = ReturnType<typeof parseCatalog>;

/** The images and settings that a server of the release is made of. */
async function findServer({ services }: ComposeModel): Promise<FreshServer> {
  const [server, api] = [services[POSTGRES], services[BACKEND]];
  const names = [server?.image ?? '', api?.image ?? ''];
  const ids = await Promise.all(names.map(async (name) => (await inspect('image', [name]))[0]?.Id));
  const [postgres, backend] = ids;
  if (!postgres || !backend) {
    throw new DescribedError(
      `${names.filter((_, at) => !ids[at]).join(' and ')} is not there`,
      'make prod-build',
    );
  }
  const entries = Object.entries(server?.environment ?? {}).filter(([key]) => SERVER_ENV.includes(key));
  return { postgres, backend, env: Object.fromEntries(entries.map(([key, value]) => [key, value ?? ''])) };
}
