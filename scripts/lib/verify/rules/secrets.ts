import { type Check, fail, none, ok, warn } from '../check.ts';
import type { SecretPlace } from '../facts.ts';

const OLD_DAYS = 90;
const ROTATE = 'make prod-rotate-secrets';

const PLACES: readonly { id: string; place: SecretPlace; title: string; source: string }[] = [
  {
    id: 'inspect',
    place: 'inspect',
    title: 'docker inspect shows no secret',
    source: 'OWASP Docker rule 12',
  },
  {
    id: 'history',
    place: 'history',
    title: 'The images’ history holds no secret',
    source: 'CIS Docker 1.6.0, 4.10',
  },
  {
    id: 'layers',
    place: 'layers',
    title: 'No layer of an image holds a secret',
    source: 'CIS Docker 1.6.0, 4.10; OWASP Secrets Management',
  },
  { id: 'logs', place: 'logs', title: 'The logs hold no secret', source: 'OWASP Logging: data to exclude' },
  {
    id: 'command-lines',
    place: 'command lines',
    title: 'No process has a secret in its command line',
    source: 'OWASP Secrets Management',
  },
  {
    id: 'environments',
    place: 'environments',
    title: 'No process has a secret in its environment',
    source: 'OWASP Docker rule 12',
  },
];

const places = PLACES.map(
  ({ id, place, title, source }): Check => ({
    id: `secret-${id}`,
    family: 'secrets',
    title,
    source,
    fix: `take it out there; it is known now, so change it: ${ROTATE}`,
    judge: ({ secrets }) => none(secrets.seen[place], `searched ${secrets.searched[place]}`),
  }),
);

const octal = (mode: number) => mode.toString(8).padStart(4, '0');

const files: Check[] = [
  {
    id: 'env-file-mode',
    family: 'secrets',
    title: 'Only its owner can read the env file',
    source: 'OWASP Secrets Management; CIS Docker 1.6.0, section 3 (file permissions)',
    fix: 'chmod 600 .env.production',
    judge({ secrets: { envFile } }) {
      const text = `${envFile.name} has mode ${octal(envFile.mode)}`;
      return (envFile.mode & 0o077) === 0 ? ok(text) : fail(text);
    },
  },
  {
    id: 'secret-files-mode',
    family: 'secrets',
    title: 'Only its owner can enter the folder of the secret files, and nobody else can write them',
    source: 'OWASP Secrets Management',
    fix: 'make prod-up sets them right',
    judge({ secrets: { folder } }) {
      if (!folder) return fail('the folder is not there');
      const wrong = folder.files.filter(({ mode }) => (mode & 0o022) !== 0);
      return none(
        [
          ...((folder.mode & 0o077) === 0 ? [] : [`${folder.name} has mode ${octal(folder.mode)}`]),
          ...wrong.map(({ name, mode }) => `${name} has mode ${octal(mode)}`),
        ],
        `${folder.name} ${octal(folder.mode)}, ${folder.files.length} files`,
      );
    },
  },
  {
    id: 'env-file-git',
    family: 'secrets',
    title: 'git ignores the env file',
    source: 'OWASP Secrets Management',
    fix: 'git rm --cached it, add it to .gitignore, and change its secrets',
    judge({ secrets: { envFile } }) {
      const text = `${envFile.name}: ${envFile.git === 'outside' ? 'outside of the checkout' : envFile.git}`;
      return envFile.git === 'ignored' || envFile.git === 'outside' ? ok(text) : fail(text);
    },
  },
  {
    id: 'env-file-content',
    family: 'secrets',
    title: 'The env file is complete and holds no placeholder',
    source: 'This project’s own promise: a start needs one complete file',
    fix: 'fix what it says: make prod-env',
    judge: ({ secrets: { envFile } }) =>
      none(
        envFile.problems.map(({ key, problem }) => `${key} ${problem}`),
        'no problem',
      ),
  },
  {
    id: 'secret-strength',
    family: 'secrets',
    title: 'The secrets are long, random, and each a different one',
    source: 'OWASP Secrets Management',
    fix: ROTATE,
    judge: ({ secrets: { envFile } }) =>
      none(
        envFile.weak.map(({ key, problem }) => `${key} ${problem}`),
        'none is short, repetitive or used twice',
      ),
  },
  {
    id: 'secret-age',
    family: 'secrets',
    title: `The secrets are younger than ${OLD_DAYS} days`,
    source: 'OWASP Secrets Management',
    fix: ROTATE,
    judge({ now, secrets: { envFile } }) {
      const days = Math.floor((Date.parse(now) - Date.parse(envFile.madeAt)) / 86_400_000);
      const text = `made ${envFile.madeAt.slice(0, 10)}, ${days} days ago`;
      return days > OLD_DAYS ? warn(text) : ok(text);
    },
  },
];

export const secretChecks: readonly Check[] = [...places, ...files];
