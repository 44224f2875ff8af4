// Installs the packages of package-lock.json where they are not there yet: flock package-lock.json node scripts/install.cjs [--all]
// What operates a stack needs few of them: the dependencies of package.json. With --all come those of tests, checks and development;
// once there they stay.
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
const STAMP = join(NOW, '.installed');
/** Make's target of what needs all packages. */
const ALL = join(NOW, '.all');
const RUN_TIME = ['--omit=dev', '--workspaces=false'];
/** A host that deploys releases of a registry may have no sources of the application. */
const MANIFESTS = [
  'package.json',
  'package-lock.json',
  ...['backend/package.json', 'frontend/package.json'].filter((path) => existsSync(join(ROOT, path))),
];

/** Says which packages these are; a copy lies beside what was installed. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const path of MANIFESTS) hash.update(readFileSync(join(ROOT, path)));
  return hash.digest('hex');
}

/** What was installed: the fingerprint, and whether it was all. */
function readStamp() {
  if (!existsSync(STAMP)) return { found: '', hasAll: false };
  return { found: readFileSync(STAMP, 'utf8'), hasAll: existsSync(ALL) };
}

/** One that was ended between the two renames left the old packages aside. */
function settle() {
  if (!existsSync(NOW) && existsSync(OLD)) renameSync(OLD, NOW);
  rmSync(OLD, { recursive: true, force: true });
  rmSync(NEXT, { recursive: true, force: true });
}

function installBeside(wanted, all) {
  for (const path of [...MANIFESTS, '.npmrc']) {
    mkdirSync(dirname(join(NEXT, path)), { recursive: true });
    cpSync(join(ROOT, path), join(NEXT, path));
  }
  const args = ['ci', '--loglevel=error', '--prefer-offline', '--fetch-retries=1', ...(all ? [] : RUN_TIME)];
  const { status } = spawnSync('npm', args, { cwd: NEXT, stdio: ['ignore', 2, 2] });
  if (status !== 0) return false;
  writeFileSync(join(NEXT, 'node_modules/.installed'), wanted);
  if (all) writeFileSync(join(NEXT, 'node_modules/.all'), '');
  if (existsSync(NOW)) renameSync(NOW, OLD);
  renameSync(join(NEXT, 'node_modules'), NOW);
  return true;
}

/** make compares times: a checkout touches files that it does not change. */
function touch() {
  for (const path of [join(NOW, '.package-lock.json'), ALL])
    if (existsSync(path)) utimesSync(path, new Date(), new Date());
}

settle();
const wanted = fingerprint();
const { found, hasAll } = readStamp();
const all = process.argv.includes('--all') || hasAll;
if (found === wanted && hasAll === all) {
  touch();
} else {
  const old = existsSync(join(NOW, 'tsx/package.json'));
  const why = !old
    ? 'once'
    : found === wanted
      ? 'once, for tests and development'
      : 'as package-lock.json is newer';
  process.stderr.write(`Installing packages (about ${all ? 30 : 10} s, ${why})\n`);
  const done = installBeside(wanted, all);
  settle();
  if (!done && old && (hasAll || !all)) {
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
