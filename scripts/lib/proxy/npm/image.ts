import { objectExists } from '../../docker/inspect.ts';
import { explainPull } from '../../images/base-names.ts';
import { DescribedError, Exit } from '../../process/errors.ts';
import { run } from '../../process/shell.ts';
import { say } from '../../terminal/report.ts';

/**
 * Pulls NPM's image where this host does not have it.
 * @throws DescribedError (exit 3) where it cannot be had
 */
export async function ensureImage(image: string): Promise<void> {
  if (await objectExists('image', image)) return;
  say(`  Pulling ${image}`);
  const { exitCode, stderr } = await run(['docker', 'pull', '--quiet', image]);
  if (exitCode === 0) return;
  throw new DescribedError(
    `The image ${image} is not on this host and cannot be pulled: ${explainPull(stderr)}`,
    `bring it from a host that can: docker save ${image} | ssh THIS_HOST docker load; then: make npm-up`,
    Exit.missing,
  );
}
