import { readFileSync } from 'node:fs';
import { startEngine } from '../../lib/host/engine.ts';
import { mustRun, run } from '../../lib/shell.ts';
import { until } from '../e2e/harness.ts';
import type { Fault } from './faults.ts';

const PID_FILE = '/var/run/docker.pid';

/** Only on a host of one's own: every container of the host stops with the engine, unless live-restore is on. */
export const restartEngine: Fault = {
  title: 'engine restarted',
  async cause() {
    if ((await run(['systemctl', 'is-active', 'docker'])).exitCode === 0) {
      await mustRun(['systemctl', 'restart', 'docker'], 'journalctl -u docker');
      return;
    }
    process.kill(Number(readFileSync(PID_FILE, 'utf8')), 'SIGTERM');
    const answers = ['docker', 'version', '--format', '{{.Server.Version}}'];
    await until('the engine has ended', 60_000, async () => (await run(answers)).exitCode !== 0);
    await startEngine('detached');
  },
  spares: [],
  async find() {
    const { stdout } = await run(['docker', 'info', '--format', '{{.LiveRestoreEnabled}}']);
    return `live-restore ${stdout.trim() === 'true' ? 'on' : 'off'}`;
  },
};
