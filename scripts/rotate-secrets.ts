import { existsSync } from 'node:fs';
import { DescribedError } from './lib/process/errors.ts';
import { lockStack } from './lib/process/lock.ts';
import { rotateSecrets } from './lib/secrets/rotation.ts';
import { forgetPreviousKey, rotationFile } from './lib/secrets/secrets.ts';
import { listStack } from './lib/stack/containers.ts';
import { loadEnvFile } from './lib/stack/env-file.ts';
import { openStack } from './lib/stack/open.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { main } from './lib/terminal/cli.ts';
import { formatDuration, say, sayOk } from './lib/terminal/report.ts';

const USAGE = `
Gives the database's app role another password and the API another SECRET_KEY, while the stack goes on: nothing restarts,
nobody is cut off. Tokens of the old key stay good until the next rotation or --forget-previous. Interrupted at any
point it is completed by the same command.

  make prod-rotate-secrets
  npx tsx scripts/rotate-secrets.ts [--forget-previous]

  --forget-previous   rotate nothing; from now on refuse tokens of the key before (make prod-rotate-secrets FORGET=1)`;

const COMMAND = 'make prod-rotate-secrets';

main(import.meta.url, {
  usage: USAGE,
  options: { 'forget-previous': { type: 'boolean' } },
  words: { FORGET: 'forget-previous' },
  async run(flags) {
    const startedAt = Date.now();
    const settings = await openStack();
    await assertDockerReady();
    lockStack(settings.prefix, COMMAND);
    const [env, containers] = await Promise.all([loadEnvFile(settings.envFile), listStack(settings)]);
    if (flags['forget-previous']) {
      if (existsSync(rotationFile(settings.prefix))) {
        throw new DescribedError('A rotation was interrupted', `complete it first: ${COMMAND}`);
      }
      await forgetPreviousKey(settings.prefix);
      sayOk('Tokens of the previous SECRET_KEY are refused from now on');
      return;
    }
    const well = containers.length > 0 && containers.every(({ health }) => health === 'healthy');
    if (!well) {
      throw new DescribedError(
        `${settings.prefix} has to be up and healthy: what is new is proven on it`,
        'make prod-up, then make prod-health',
      );
    }
    await rotateSecrets({ settings, env, say: (step) => sayOk(step) });
    sayOk(`Secrets rotated in ${formatDuration(Date.now() - startedAt)}; nothing was restarted`);
    say(
      '  The env file holds the new ones. Once no token of the old key is needed: make prod-rotate-secrets FORGET=1',
    );
  },
});
