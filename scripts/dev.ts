import { stat } from 'node:fs/promises';
import { build } from './build.ts';
import { objectExists } from './lib/docker/inspect.ts';
import { resolveBases } from './lib/images/base-images.ts';
import { beginChanges } from './lib/process/changes.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { ROOT } from './lib/process/root.ts';
import { $, must } from './lib/process/shell.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { loadSettings } from './lib/stack/project.ts';
import { main } from './lib/terminal/cli.ts';
import { say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Starts or stops the development stack: page and API reload when a file changes.

  make dev-up
  make dev-down                   the development data stay
  npx tsx scripts/dev.ts up|down`;

const FILE = 'deploy/docker-compose.yml';

async function up(): Promise<void> {
  const settings = loadSettings();
  if (!(await objectExists('image', `${settings.prefix}-postgres:latest`))) await build(settings);
  const [{ node }, owner] = await Promise.all([resolveBases(), stat(ROOT)]);
  const env = { STACK_PREFIX: settings.prefix, NODE_BASE: node, DEV_USER: `${owner.uid}:${owner.gid}` };
  await must(
    $({ cwd: ROOT, env })`docker compose -f ${FILE} up -d --wait --pull never`,
    'make dev-down dev-up',
  );
  sayOk('The development stack is up');
  say(`  Page  http://127.0.0.1:${process.env.DEV_FRONTEND_PORT || 3000}`);
  say(`  API   http://127.0.0.1:${process.env.DEV_BACKEND_PORT || 8000}/api/health`);
  say(`  Logs  docker compose -p ${settings.prefix}-dev logs -f`);
}

async function down(): Promise<void> {
  const { prefix } = loadSettings();
  await must($`docker compose -p ${prefix}-dev down`, 'make dev-down');
  sayOk('The development stack is down; its data stay');
}

main(import.meta.url, {
  usage: USAGE,
  options: {},
  maxPositionals: 1,
  async run(_flags, [action]) {
    if (action !== 'up' && action !== 'down')
      throw new DescribedError('Say up or down', 'see --help', Exit.usage);
    await assertDockerReady();
    beginChanges('dev');
    await (action === 'up' ? up() : down());
  },
});
