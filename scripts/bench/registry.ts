import { DescribedError, Exit } from '../lib/process/errors.ts';
import { measureBackup } from './backup.ts';
import { measureColdStart } from './cold-start.ts';
import { measureCommands } from './commands.ts';
import { measureImages } from './images.ts';
import type { Row } from './lib/measure.ts';
import { measureRegistry } from './releases.ts';
import { measureSearch } from './search.ts';
import { measureServing } from './serving.ts';
import { measureUpdate } from './update.ts';
import { measureWorst } from './worst.ts';

interface Bench {
  about: string;
  measure: (runs: number) => Promise<Row[]>;
}

/**
 * What is measured, by name, in the order of the report. What takes fractions of a second comes first: after a load test the
 * kernel is busy for a while with the networks of the containers that are gone.
 */
const BENCHES: Readonly<Record<string, Bench>> = {
  commands: {
    about:
      'Our commands beside the bare ones of Compose, on the same stack, files and images. Ours also check the host, the ' +
      'names and the configuration. `prod-restart` waits until all are healthy; the bare restart returns before, so there is ' +
      'a second row that waits for both.',
    measure: measureCommands,
  },
  'cold-start': {
    about:
      'From no container and no data until all are healthy, beside what the slowest service needs when it starts alone. The ' +
      'backend starts beside the database, waits for it and then fills it.',
    measure: measureColdStart,
  },
  serving: {
    about:
      'Our nginx beside the nginx section of the specification, the plan that this kit was built from, as it is written (literal ' +
      '`proxy_pass`, gzip while serving), on ' +
      'the same base image, with the same limits, files and backend. The load is wrk with keep-alive ' +
      'connections. The rows called limit set ours beside the same nginx answering with a constant.',
    measure: measureServing,
  },
  update: {
    about:
      'New images of both halves, deployed under 200 requests a second and 200 open WebSockets through an nginx set up as ' +
      'Nginx Proxy Manager sets up its own. Ours takes longer on purpose: it waits until proxies know the next container ' +
      'before the current one goes. Measured twice on each side, as each takes a minute.',
    measure: measureUpdate,
  },
  backup: {
    about:
      'A backup with its manifest, row counts, checksum and proofs, beside a bare dump of the same database with the same ' +
      'compression. About half a second of it is the same for any size.',
    measure: measureBackup,
  },
  search: {
    about:
      'Searches among 50,000 genes beside a constant body of their mean size, both from the same server with the limits of ' +
      'production, asked by wrk over 32 connections: 400 different texts by turns, unfinished and misspelt ones among them, ' +
      'which the server then answers from memory; a tenth of them new; and all of them new.',
    measure: measureSearch,
  },
  registry: {
    about:
      'A release through a registry on this machine, with TLS and a password, beside the bare commands of Docker. Ours adds the ' +
      'bills of materials and the manifest to a push; a pull is of images whose layers are not here; an update from the ' +
      'registry is one whose layers are.',
    measure: measureRegistry,
  },
  worst: {
    about:
      'The most expensive question that an anonymous client can put to the API with 50,000 genes, looked for: questions of random ' +
      'words (whole, unfinished, misspelt, long), filters, orders and pages, and the most expensive of them changed ' +
      'step by step as long as that makes them more so. Each is asked for the first time, by a client alone; CPU is what the engine ' +
      'counts for the container.',
    measure: measureWorst,
  },
  images: { about: 'What is built, and how long that takes again after an edit.', measure: measureImages },
};

/** @throws DescribedError (exit 2) for a name that there is not */
export function chooseBenches(only: string | undefined): [string, Bench][] {
  const chosen = Object.entries(BENCHES).filter(([name]) => !only || name === only);
  if (chosen.length > 0) return chosen;
  throw new DescribedError(
    `There is no bench ${only}`,
    `one of: ${Object.keys(BENCHES).join(', ')}`,
    Exit.usage,
  );
}
