import { cpus, release, totalmem } from 'node:os';
import { mustRun } from '../../lib/process/shell.ts';

/** What the figures were measured on. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  kernel: string;
  node: string;
  engine: string;
  compose: string;
  cgroups: string;
}

/** Describes this machine without anything that names it. */
export async function describeMachine(): Promise<Machine> {
  const [engine = '', compose = ''] = await Promise.all([
    mustRun(['docker', 'info', '--format', '{{.ServerVersion}} {{.CgroupVersion}}'], 'make host-setup'),
    mustRun(['docker', 'compose', 'version', '--short'], 'make host-setup'),
  ]);
  const [version = '', cgroups = ''] = engine.trim().split(' ');
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: /^[\d.]*\d/.exec(release())?.[0] ?? 'unknown',
    node: process.versions.node,
    engine: version,
    compose: compose.trim(),
    cgroups: `v${cgroups}`,
  };
}
