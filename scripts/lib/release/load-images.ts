import { IMAGES } from '../images/build-argv.ts';
import { DescribedError } from '../process/errors.ts';
import { $, must } from '../process/shell.ts';
import type { StackSettings } from '../stack/stack.ts';
import { say } from '../terminal/report.ts';
import { imageName } from './releases.ts';

/**
 * Loads images that were built on another host.
 * @param file written by `docker save`
 * @throws DescribedError when it lacks one of the stack's: what was built here last would take its place, unasked
 */
export async function loadImages(settings: StackSettings, file: string): Promise<void> {
  const wanted = IMAGES.map((image) => imageName(settings, image, 'latest'));
  const hint = `where they were built: docker save -o ${file} ${wanted.join(' ')}`;
  const said = await must($`docker load --input ${file}`, hint);
  const loaded = said.split('\n').map((line) => line.replace(/^Loaded image: /, '').trim());
  const missing = wanted.filter((name) => !loaded.includes(name));
  if (missing.length > 0) {
    throw new DescribedError(`${file} does not hold ${missing.join(', ')}: nothing is deployed`, hint);
  }
  say(`  images loaded from ${file}`);
}
