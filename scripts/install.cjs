// Installs the packages of package-lock.json where they are not there yet: flock package-lock.json node scripts/install.cjs
// Beside and then swapped: what is there works until the new ones are whole, and goes on working when they cannot be had.
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} = require('node:fs');
const { dirname, join } = require('node:path');

const ROOT = join(__dirname, '..');
const NEXT = join(ROOT, 'node_modules.next');
const OLD = join(ROOT, 'node_modules.old');
const NOW = join(ROOT, 'node_modules');
const MANIFESTS = ['package.json', 'package-lock.json', 'backend/package.json', 'frontend/package.json'];

/** Says which packages these are; a copy lies beside what was installed. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const path of MANIFESTS) hash.update(readFileSync(join(ROOT, path)));
  return hash.digest('hex');
}

function isInstalled(wanted) {
  const stamp = join(NOW, '.installed');
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
}

/** One that was ended between the two renames left the old packages aside. */
function settle() {
  if (!existsSync(NOW) && existsSync(OLD)) renameSync(OLD, NOW);
  rmSync(OLD, { recursive: true, force: true });
  rmSync(NEXT, { recursive: true, force: true });
}

function installBeside(wanted) {
  for (const path of [...MANIFESTS, '.npmrc']) {
    mkdirSync(dirname(join(NEXT, path)), { recursive: true });
    cpSync(join(ROOT, path), join(NEXT, path));
  }
  const { status } = spawnSync('npm', ['ci', '--loglevel=error', '--prefer-offline', '--fetch-retries=1'], {
    cwd: NEXT,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) return false;
  writeFileSync(join(NEXT, 'node_modules/.installed'), wanted);
  if (existsSync(NOW)) renameSync(NOW, OLD);
  renameSync(join(NEXT, 'node_modules'), NOW);
  return true;
}

const wanted = fingerprint();
if (isInstalled(wanted)) {
  // make compares times: a checkout touches files that it does not change.
  utimesSync(join(NOW, '.package-lock.json'), new Date(), new Date());
} else {
  settle();
  const before = existsSync(join(NOW, 'tsx/package.json'));
  process.stderr.write(
    `Installing packages (about 20 s, ${before ? 'as package-lock.json is newer' : 'once'})\n`,
  );
  const done = installBeside(wanted);
  settle();
  if (!done && before) {
    process.stderr.write(
      '! The packages of package-lock.json cannot be had now; the ones that are here go on\n',
    );
  } else if (!done) {
    process.stderr.write(
      '✘ The packages cannot be installed\n  → see what npm says above; a registry has to be reached\n',
    );
    process.exitCode = 3;
  }
}
