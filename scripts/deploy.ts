import { beginChanges } from './lib/process/changes.ts';
import { commandArgv } from './lib/process/command.ts';
import { DescribedError, Exit } from './lib/process/errors.ts';
import { ROOT } from './lib/process/root.ts';
import { run } from './lib/process/shell.ts';
import { parseRequest } from './lib/registry/deploy-rules.ts';
import { main } from './lib/terminal/cli.ts';

const USAGE = `
What a deploy key may do, and nothing else: sshd runs this for each connection with such a key, and what the client asked
for comes in SSH_ORIGINAL_COMMAND. An update goes to its end when the connection is lost.

  ssh HOST update RELEASE    make prod-update FROM=RELEASE
  ssh HOST update            the latest release
  ssh HOST health            make prod-health

Keys are made by: make deploy-key`;

main(import.meta.url, {
  usage: USAGE,
  options: {},
  async run() {
    const request = parseRequest(process.env.SSH_ORIGINAL_COMMAND ?? '');
    const argv =
      request.do === 'health' ? commandArgv('health') : commandArgv('update', ['--from', request.from]);
    if (request.do !== 'health') beginChanges('deploy');
    const { exitCode } = await run(argv, { cwd: ROOT, inherit: true });
    if (exitCode !== 0)
      throw new DescribedError(`${request.do} failed (exit ${exitCode})`, 'see above', Exit.failed);
  },
});
