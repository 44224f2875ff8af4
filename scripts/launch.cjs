// Starts a command: node scripts/launch.cjs scripts/up.ts [FLAGS]
// The sources are loaded as CommonJS: for ES modules tsx needs a second thread, and on a busy machine of two cores a command began
// after 2.5 s instead of 1.1 s, for 0.67 s of processor time instead of 0.41 s.
// So import() takes packages alone, no source of ours.
const { resolve } = require('node:path');

require('tsx/cjs');
process.argv.splice(1, 1);
// Of a recipe of make: the command takes the words on make's command line as well.
if (process.argv[1] === '--make') process.argv.splice(2, 0, ...process.argv.splice(1, 1));
try {
  require(resolve(process.argv[1]));
} catch (error) {
  if (error.code !== 'MODULE_NOT_FOUND' || !error.message.includes('/backend/src/')) throw error;
  process.stderr.write(
    '✘ This command needs the sources of the application (backend/), which this checkout has not\n' +
      '  → run it in a whole checkout; one that leaves them out: git sparse-checkout disable\n',
  );
  process.exitCode = 3;
}
