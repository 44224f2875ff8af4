import { resolveBases } from './lib/images/base-images.ts';
import { RECIPES } from './lib/images/base-names.ts';
import { assertDockerReady } from './lib/stack/preflight.ts';
import { main } from './lib/terminal/cli.ts';
import { formatTable, paint, say } from './lib/terminal/report.ts';

const USAGE = `
Shows which base images the stack is built on: official ones where they can be had, else stand-ins made from packages of
this host's Debian mirror. What is missing is pulled or made.

  npx tsx scripts/base-images.ts [--refresh] [--json]

  --refresh   pull or make all of them anew, for security updates; then: make prod-update WITH_DATABASE=1
  --json      print the images as JSON`;

main(import.meta.url, {
  usage: USAGE,
  options: { refresh: { type: 'boolean' }, json: { type: 'boolean' } },
  async run(flags) {
    await assertDockerReady();
    const bases = await resolveBases(flags.refresh === true);
    if (flags.json) return say(JSON.stringify(bases, undefined, 2));
    const rows = Object.entries(bases).map(([name, image]) => {
      const { official, standIn } = RECIPES[name as keyof typeof RECIPES];
      if (image === official) return [name, image, 'official'];
      return [name, image, image === standIn ? paint('yellow', `stand-in for ${official}`) : 'named by you'];
    });
    say(formatTable([['BASE', 'IMAGE', 'WHAT IT IS'], ...rows]));
  },
});
