import { appendFile, cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandArgv } from '../lib/process/command.ts';
import { ROOT } from '../lib/process/root.ts';
import { mustRun, run } from '../lib/process/shell.ts';
import { loadSettings } from '../lib/stack/project.ts';
import { TEST_PREFIX } from '../test/e2e/harness.ts';
import { timeSeconds } from './lib/alternate.ts';
import type { Row } from './lib/measure.ts';

const HINT = 'make prod-build';
const MB = 1e6;
const PREFIX = `${TEST_PREFIX}-rebuild`;
/** One line more in each half, as after an edit. */
const EDITS = {
  'backend/src/server.ts': '\n// Edited.\n',
  'frontend/src/styles/base.css': '\n/* Edited. */\n',
};

/** What the images weigh, and how long they take to build again after a change of one line in page and API. */
export async function measureImages(runs: number): Promise<Row[]> {
  const backend = `${loadSettings().prefix}-backend:latest`;
  const frontend = `${loadSettings().prefix}-frontend:latest`;
  const label = '{{index .Config.Labels "org.opencontainers.image.base.name"}}';
  const base = (await mustRun(['docker', 'image', 'inspect', '--format', label, frontend], HINT)).trim();
  const added = (await readSize(frontend)) - (await readSize(base));
  return [
    { what: 'Image of the backend', unit: 'MB', ours: [await readSize(backend)], goal: atMost(160) },
    { what: 'Image of the frontend, over its base', unit: 'MB', ours: [added], goal: atMost(8) },
    {
      what: 'make prod-build after a change of one line in each half',
      unit: 's',
      ours: await timeRebuilds(runs),
      goal: atMost(20),
    },
  ];
}

function atMost(value: number): NonNullable<Row['goal']> {
  return { of: 'value', atMost: value };
}

async function readSize(image: string): Promise<number> {
  return Number(await mustRun(['docker', 'image', 'inspect', '--format', '{{.Size}}', image], HINT)) / MB;
}

/** In a copy of the checkout: the operator's own files are left as they are. */
async function timeRebuilds(runs: number): Promise<number[]> {
  const copy = await mkdtemp(join(tmpdir(), `${PREFIX}-`));
  const build = () =>
    mustRun(commandArgv('build'), HINT, {
      cwd: copy,
      env: { STACK_PREFIX: PREFIX },
    });
  try {
    await copyCheckout(copy);
    await build();
    const seconds: number[] = [];
    for (let index = 0; index < runs; index += 1) {
      for (const [file, line] of Object.entries(EDITS)) {
        await appendFile(join(copy, file), line.replace('Edited', `Edited ${index} ${Date.now()}`));
      }
      seconds.push(await timeSeconds(build));
    }
    return seconds;
  } finally {
    await removeImages();
    await rm(copy, { recursive: true, force: true });
  }
}

async function copyCheckout(target: string): Promise<void> {
  const listed = await mustRun(
    ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    HINT,
    {
      cwd: ROOT,
    },
  );
  for (const file of listed.split('\0').filter(Boolean)) await cp(join(ROOT, file), join(target, file));
  await symlink(join(ROOT, 'node_modules'), join(target, 'node_modules'));
}

async function removeImages(): Promise<void> {
  const { stdout } = await run(['docker', 'images', '--format', '{{.Repository}}:{{.Tag}}', `${PREFIX}-*`]);
  const images = stdout.split('\n').filter(Boolean);
  if (images.length > 0) await run(['docker', 'rmi', ...images]);
}
