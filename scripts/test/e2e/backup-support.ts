import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Manifest, readManifest, writeManifest } from '../../lib/backup/manifest.ts';
import { run } from '../../lib/process/shell.ts';
import { readEnvText } from '../../lib/stack/env-text-rules.ts';
import { type Started, TestStack } from './harness.ts';

/** A stack in test mode with a table of known content, and a folder of backups of its own. */
export async function backupStack(name: string, rows: number): Promise<TestStack> {
  const stack = await TestStack.create(name);
  // A path with spaces: every test goes through it.
  stack.env.BACKUP_DIR = join(stack.tmp, 'back ups');
  await stack.mustScript('up', ['--test']);
  await stack.sql(`CREATE TABLE measured AS
    SELECT n AS id, md5(n::text) AS a, md5((n * 7)::text) || md5((n * 3)::text) AS b FROM generate_series(1, ${rows}) AS n;
    ALTER TABLE measured ADD PRIMARY KEY (id);
    ALTER TABLE measured OWNER TO kidney_user;`);
  return stack;
}

export function backupFolder(stack: TestStack): string {
  return stack.env.BACKUP_DIR ?? '';
}

/** The key that signs a stack's manifests; undefined before its first backup. */
export function backupKey(stack: TestStack): string | undefined {
  return readEnvText(readFileSync(stack.settings.envFile, 'utf8')).values.BACKUP_KEY;
}

/** Puts a manifest into a folder, as the stack would. */
export function putManifest(stack: TestStack, folder: string, manifest: Manifest): void {
  const key = backupKey(stack) ?? '';
  writeFileSync(join(folder, `${manifest.name}.json`), writeManifest(manifest, key));
}

/**
 * The manifests in a folder, oldest first.
 * @param key without it none is signed
 */
export function readManifests(folder: string, key?: string): Manifest[] {
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => readManifest(readFileSync(join(folder, name), 'utf8'), key));
}

export function newest(stack: TestStack): Manifest {
  const manifest = readManifests(backupFolder(stack), backupKey(stack)).at(-1);
  if (!manifest) throw new Error('there is no backup');
  return manifest;
}

/** Each file that is not *.partial belongs to a backup, and each dump is what its manifest says. */
export function assertNoBrokenFile(folder: string): void {
  const manifests = readManifests(folder);
  const partial = (file: string) => `${file}.partial`;
  for (const { name, file, sha256, bytes } of manifests) {
    // Killed between its two renames: the next run finishes that.
    const path = [file, partial(file)].map((one) => join(folder, one)).find((one) => existsSync(one));
    assert.ok(path, `${name} has its dump`);
    const content = readFileSync(path);
    assert.equal(content.length, bytes);
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256);
  }
  const known = new Set(manifests.flatMap(({ name, file }) => [`${name}.json`, file]));
  const others = readdirSync(folder).filter(
    (name) => !known.has(name) && !/\.(partial|draft)$|^\.backup-disk$/.test(name),
  );
  assert.deepEqual(others, []);
}

/** The most memory that a process has had, in bytes, until it ends. */
export async function watchMemory({ child, ended }: Started): Promise<number> {
  let peak = 0;
  let running = true;
  void ended.then(() => {
    running = false;
  });
  while (running) {
    const status = existsSync(`/proc/${child.pid}/status`)
      ? readFileSync(`/proc/${child.pid}/status`, 'utf8')
      : '';
    peak = Math.max(peak, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024);
    await sleep(50);
  }
  return peak;
}

/** The host's pid of a program in a container whose command line holds a text; undefined where there is none. */
export async function findProcess(container: string, text: string): Promise<number | undefined> {
  const { stdout } = await run(['docker', 'top', container, '-eo', 'pid,args']);
  const line = stdout.split('\n').find((one) => one.includes(text));
  return line ? Number(line.trim().split(/\s+/)[0]) : undefined;
}

/** Numbers from 0 to 1 that a seed repeats; the seed is printed for that. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
