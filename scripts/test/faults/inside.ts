import { mustRun } from '../../lib/process/shell.ts';
import { listStack } from '../../lib/stack/containers.ts';
import type { TestStack } from '../e2e/harness.ts';

const HINT = 'see the output above';

/** SIGKILL from the host to a container's first process, as a power cut or the kernel does it; `docker kill` would count as a wish and not be restarted. */
export async function killFromHost(container: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  const pid = await mustRun(['docker', 'inspect', '--format', '{{.State.Pid}}', container], HINT);
  process.kill(Number(pid), signal);
}

/** The same to every container of a stack at once. */
export async function killAll(stack: TestStack): Promise<void> {
  await Promise.all((await listStack(stack.settings)).map(({ id }) => killFromHost(id)));
}

/** Runs JavaScript in the server's own process, through the debugger that node opens to whoever may send it a signal. */
export async function runInServer(stack: TestStack, expression: string): Promise<void> {
  const code = `
    import { readdirSync, readFileSync } from 'node:fs';
    const pid = readdirSync('/proc').find((name) => {
      try { return readFileSync('/proc/' + name + '/cmdline', 'utf8').startsWith('node\\0--enable-source-maps'); } catch { return false; }
    });
    process.kill(Number(pid), 'SIGUSR1');
    let targets;
    for (let tries = 0; !targets && tries < 50; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      targets = await fetch('http://127.0.0.1:9229/json/list').then((answer) => answer.json(), () => undefined);
    }
    const socket = new WebSocket(targets[0].webSocketDebuggerUrl);
    socket.onopen = () => {
      const params = { expression: ${JSON.stringify(expression)} };
      socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params }));
      setTimeout(() => process.exit(0), 300);
    };`;
  await execNode(stack, code);
}

/** Runs JavaScript with Node in the backend's container, beside the server. */
export function execNode(stack: TestStack, code: string): Promise<string> {
  const argv = ['docker', 'exec', stack.name('backend'), 'node', '--input-type=module', '-e', code];
  return mustRun(argv, HINT, { timeoutMs: 60_000 });
}

/** Takes containers off a network for a while, and puts them back under the names that Compose had given them there. */
export async function unplug(
  stack: TestStack,
  network: string,
  services: readonly ('frontend' | 'backend' | 'postgres')[],
  meanwhile: () => Promise<void>,
): Promise<void> {
  const names = services.map((service) => stack.name(service));
  const aliases = await Promise.all(names.map((name) => readAliases(name, network)));
  const all = (change: string, options: readonly (readonly string[])[]) =>
    Promise.all(
      names.map((name, index) =>
        mustRun(['docker', 'network', change, ...(options[index] ?? []), network, name], HINT),
      ),
    );
  await all('disconnect', []);
  await meanwhile();
  await all(
    'connect',
    aliases.map((list) => list.flatMap((alias) => ['--alias', alias])),
  );
}

async function readAliases(container: string, network: string): Promise<string[]> {
  const format = `{{json (index .NetworkSettings.Networks "${network}").Aliases}}`;
  return JSON.parse(await mustRun(['docker', 'inspect', '-f', format, container], HINT)) as string[];
}
