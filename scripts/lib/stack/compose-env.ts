import { composeNames, type Mode, type StackSettings } from './stack.ts';

/** What a program of Docker needs of this process's environment: where the engine is, and how a terminal is spoken to. */
const KEPT =
  /^(PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TERM|TMPDIR|NO_COLOR|SSL_CERT_\w+|(HTTPS?|NO)_PROXY|SSH_\w+|XDG_\w+|DOCKER_(HOST|CONTEXT|CONFIG|TLS_VERIFY|CERT_PATH|API_VERSION))$/i;

/** The environment of a process; `undefined` takes a variable of this process out. */
export type Environment = Record<string, string | undefined>;

/**
 * The environment in which Compose starts. It prefers variables to files when it interpolates, and has switches of its own
 * (COMPOSE_*): whatever else the operator's shell holds, such as another app's settings, is taken out.
 * @param variables those of the compose files beside the names
 */
export function composeEnv(
  mode: Mode,
  settings: StackSettings,
  variables: Readonly<Record<string, string>> = {},
): Environment {
  const strange = Object.keys(process.env).filter((key) => !KEPT.test(key));
  return {
    ...Object.fromEntries(strange.map((key) => [key, undefined])),
    ...composeNames(mode, settings),
    ...variables,
  };
}
