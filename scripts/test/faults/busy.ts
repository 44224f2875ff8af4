import { cpus } from 'node:os';
import { join } from 'node:path';
import { openPipe } from '../../lib/process/shell.ts';
import { listStack } from '../../lib/stack/containers.ts';
import { until } from '../e2e/harness.ts';
import type { FaultStage } from './stage.ts';

/** Programs that want a CPU, for each that there is. */
const PER_CPU = 5;
const LONGEST_SECONDS = 900;
const HEAL_MS = 150_000;

/** Keeps every CPU and the disk of the host busy as long as something takes. */
export async function whileBusy(stage: FaultStage, work: () => Promise<void>): Promise<void> {
  const bounded = ['timeout', String(LONGEST_SECONDS)];
  const file = join(stage.stack.tmp, 'busy');
  const write = 'while :; do dd if=/dev/zero of="$0" bs=1M count=200 conv=fsync 2>/dev/null; done';
  const busy = [
    ...Array.from({ length: PER_CPU * cpus().length }, () => [...bounded, 'sha256sum', '/dev/zero']),
    [...bounded, 'sh', '-c', write, file],
  ].map((argv) => openPipe(argv));
  try {
    await work();
  } finally {
    for (const one of busy) one.kill();
    await Promise.all(busy.map(({ ended }) => ended));
  }
}

/** Does something that has a container started anew. @returns how long that took, in seconds */
export async function timeRestart(
  { stack }: FaultStage,
  service: 'backend' | 'frontend',
  cause: () => Promise<void>,
): Promise<number> {
  const readStart = async () =>
    (await listStack(stack.settings)).find(({ name }) => name === stack.name(service))?.startedAt;
  const before = await readStart();
  await cause();
  const begun = Date.now();
  await until(`${service} restarted`, HEAL_MS, async () => (await readStart()) !== before);
  return Math.round((Date.now() - begun) / 1000);
}
