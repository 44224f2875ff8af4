import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '../app/contract.ts';
import { psqlArgv, superuser } from '../database/client-argv.ts';
import { querySql } from '../database/sql.ts';
import { DescribedError } from '../process/errors.ts';
import { writeWhole } from '../process/files.ts';
import { toPrintable } from '../process/printable.ts';
import { mustRun, run } from '../process/shell.ts';
import { changeEnvFile } from '../stack/env-file.ts';
import type { EnvValues } from '../stack/env-rules.ts';
import { dateSecrets } from '../stack/secret-strength.ts';
import { containerName, type StackSettings } from '../stack/stack.ts';
import {
  changedValues,
  changePasswordSql,
  lendRoleSql,
  type Rotation,
  readRotation,
  retireRoleSql,
  scramVerifier,
  signInAs,
} from './rotation-rules.ts';
import { replaceSecretFile, rotationFile, secretsDir } from './secrets.ts';
import { issueToken } from './tokens.ts';

/** Longer than the 3 s that the API takes at most from reading its secret to having signed in. */
const SETTLE_MS = 4000;
const AGAIN = 'make prod-rotate-secrets';

/** What a rotation works on. */
export interface Place {
  settings: StackSettings;
  env: EnvValues;
  /** Told of each step. */
  say(step: string): void;
}

/**
 * Changes the key and the password of a running stack, with no moment at which the API could not sign in.
 * Each step may be done again, and after each the files, the database and the API fit each other.
 * @throws DescribedError; what is done stays, and the next call carries on
 */
export async function rotateSecrets(place: Place): Promise<void> {
  const { settings, say } = place;
  const rotation = await beginRotation(place);
  await rotateKey(place, rotation);
  say('The API takes tokens of the new key, and still those of the old one');
  await rotatePassword(place, rotation);
  say('The API signs in to the database with the new password');
  await replaceInEnvFile(settings.envFile, rotation);
  await rm(rotationFile(settings.prefix));
}

async function beginRotation({ settings, env, say }: Place): Promise<Rotation> {
  const path = rotationFile(settings.prefix);
  if (existsSync(path)) {
    say('Carrying on with the rotation that was interrupted');
    return readInterrupted(path);
  }
  const fresh = () => randomBytes(32).toString('base64url');
  const rotation: Rotation = {
    before: { postgresPassword: env.POSTGRES_PASSWORD ?? '', secretKey: env.SECRET_KEY ?? '' },
    now: { postgresPassword: fresh(), secretKey: fresh() },
    temporaryPassword: fresh(),
  };
  writeWhole(path, JSON.stringify(rotation), { mode: 0o600 });
  return rotation;
}

async function readInterrupted(path: string): Promise<Rotation> {
  const content = await readFile(path, 'utf8');
  try {
    return readRotation(content);
  } catch (error) {
    throw new DescribedError(
      `${path} is no rotation that was interrupted: ${toPrintable((error as Error).message)}`,
      `the env file holds the secrets from before: rm ${path}; then: ${AGAIN}`,
    );
  }
}

async function rotateKey(place: Place, { before, now }: Rotation): Promise<void> {
  const folder = secretsDir(place.settings.prefix);
  const previous = join(folder, 'secret_key_previous');
  if (!existsSync(previous)) {
    throw new DescribedError(
      'The stack was started by an older version of this kit, whose secrets are not rotated while it runs',
      `make prod-update, then: ${AGAIN}`,
    );
  }
  await replaceSecretFile(previous, before.secretKey);
  await replaceSecretFile(join(folder, 'secret_key'), now.secretKey);
  // A key that was never ours shows that the answer depends on it.
  const keys = [now.secretKey, before.secretKey, randomBytes(32).toString('base64url')];
  let answers = await askApi(place, keys);
  // Under load an answer is put off.
  for (let tries = 0; answers.includes(503) && tries < 20; tries += 1) {
    await sleep(1000);
    answers = await askApi(place, keys);
  }
  const { status } = app.edit;
  if (answers.join() === [status, status, 401].join()) return;
  throw new DescribedError(
    `The API does not take tokens of the new key and of the old one (it answers ${answers.join(', ')}; the last to a token of nobody)`,
    `bring it up to date with this checkout: make prod-update, then: ${AGAIN}`,
  );
}

async function rotatePassword(place: Place, rotation: Rotation): Promise<void> {
  const { settings, env } = place;
  const role = env.POSTGRES_USER ?? '';
  const temporary = `${role.slice(0, 50)}_rotating`;
  const folder = secretsDir(settings.prefix);
  const useUrl = async (user: string, password: string) => {
    await assertSignsIn(place, user, password);
    await replaceSecretFile(join(folder, 'database_url'), signInAs(env.DATABASE_URL ?? '', user, password));
    await sleep(SETTLE_MS);
  };
  const verifier = (password: string) => scramVerifier(password, randomBytes(16));
  await runAsSuperuser(place, lendRoleSql(role, temporary, verifier(rotation.temporaryPassword)));
  await useUrl(temporary, rotation.temporaryPassword);
  await runAsSuperuser(place, changePasswordSql(role, verifier(rotation.now.postgresPassword)));
  await useUrl(role, rotation.now.postgresPassword);
  await replaceSecretFile(join(folder, 'postgres_password'), rotation.now.postgresPassword);
  await askHealth(place);
  await runAsSuperuser(place, retireRoleSql(temporary));
}

async function runAsSuperuser({ settings }: Place, statements: string): Promise<void> {
  await querySql(superuser(containerName(settings, 'kidney-genetics-postgres')), statements);
}

/** Over TCP, as the API does it. The password goes from environment to environment. */
async function assertSignsIn({ settings, env }: Place, user: string, password: string): Promise<void> {
  const container = containerName(settings, 'kidney-genetics-postgres');
  const signIn = { container, database: env.POSTGRES_DB ?? '', user, by: 'given' } as const;
  await mustRun(psqlArgv(signIn), AGAIN, { input: 'select 1;', env: { PGPASSWORD: password } });
}

/** @returns the status of an edit that meets nothing, with a token of each key */
async function askApi({ settings, env }: Place, keys: readonly string[]): Promise<number[]> {
  const order = { name: 'rotation', scope: app.edit.scope, seconds: 60 };
  const code = `
    const { request } = require('http');
    const { path, method, body, tokens } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    const ask = (token) => new Promise((resolve, reject) => {
      // The length by hand: of a DELETE's body Node tells none (RFC 9112, 6.3).
      const headers = { host: 'kidney-genetics-backend-service', 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), authorization: 'Bearer ' + token };
      const asked = request({ host: '127.0.0.1', port: process.env.PORT, path, method, headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.on('error', reject).end(body);
    });
    Promise.all(tokens.map(ask)).then((all) => console.log(JSON.stringify(all)));`;
  const backend = containerName(settings, 'kidney-genetics-backend-service');
  const input = JSON.stringify({
    path: `${env.API_V1_STR}${app.edit.path}`,
    method: app.edit.method,
    body: JSON.stringify(app.edit.body),
    tokens: keys.map((key) => issueToken(key, order).token),
  });
  const printed = await mustRun(['docker', 'exec', '-i', backend, 'node', '-e', code], AGAIN, { input });
  return JSON.parse(printed) as number[];
}

async function askHealth({ settings }: Place): Promise<void> {
  const backend = containerName(settings, 'kidney-genetics-backend-service');
  const { exitCode, stderr } = await run(['docker', 'exec', backend, 'node', '/app/healthcheck.js']);
  if (exitCode !== 0) throw new DescribedError(`The API is not healthy: ${stderr.trim()}`, AGAIN);
}

async function replaceInEnvFile(path: string, { before, now }: Rotation): Promise<void> {
  const changes = changedValues(await readFile(path, 'utf8'), before, now);
  await changeEnvFile(path, changes, (text) => dateSecrets(text, new Date()));
}
