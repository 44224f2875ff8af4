import type { Mode } from '../stack/stack.ts';
import type { ContainerFacts, Facts, InsideFacts } from './facts.ts';

export const FAMILIES = ['container', 'network', 'secrets', 'http', 'images', 'database', 'drift'] as const;
export type Family = (typeof FAMILIES)[number];

/** `warn` works but deserves a look; `fail` breaks the rule; `skip` was not asked. */
export interface Finding {
  status: 'ok' | 'warn' | 'fail' | 'skip';
  found: string;
}

/** One rule that the running stack is held to. */
export interface Check {
  id: string;
  family: Family;
  /** What is asked, as a statement that holds. */
  title: string;
  /** The rule that it comes from. */
  source: string;
  /** Decides; pure. */
  judge(facts: Facts): Finding;
  /** What to do when it fails. */
  fix: string;
  /** In test mode some rules cannot hold: the reason why this one is left out there. */
  notInTestMode?: string;
}

export const ok = (found: string): Finding => ({ status: 'ok', found });
export const warn = (found: string): Finding => ({ status: 'warn', found });
export const fail = (found: string): Finding => ({ status: 'fail', found });
export const skip = (found: string): Finding => ({ status: 'skip', found });

/** Holds when nothing was found. */
export function none(offences: readonly string[], otherwise: string): Finding {
  return offences.length === 0 ? ok(otherwise) : fail(offences.join('; '));
}

/**
 * A rule that each container of the stack is held to.
 * @param find the offence of a container; undefined when it has none
 * @param otherwise what to say when none has
 */
export function eachContainer(
  facts: Facts,
  otherwise: string,
  find: (container: ContainerFacts) => string | undefined,
): Finding {
  return none(listOffences(facts.containers, find), otherwise);
}

/**
 * Like `eachContainer`, for a rule on what is inside; a container that runs and could not be asked offends, and one that
 * does not run is left to the check of its health.
 */
export function eachInside(
  facts: Facts,
  otherwise: string,
  find: (inside: InsideFacts, container: ContainerFacts) => string | undefined,
): Finding {
  if (!facts.containers.some(isRunning)) return skip('no container runs');
  return eachContainer(facts, otherwise, (container) => {
    if (!isRunning(container)) return undefined;
    return container.inside ? find(container.inside, container) : 'could not be asked';
  });
}

/**
 * A rule on what a service answered.
 * @param answer undefined or null when it gave none
 */
export function asked<T>(
  facts: Facts,
  service: string,
  answer: T | null | undefined,
  judge: (answer: T) => Finding,
): Finding {
  if (answer !== null && answer !== undefined) return judge(answer);
  const container = serviceOf(facts, service);
  // That it does not run is for the check of its health to say.
  return container && isRunning(container)
    ? fail(`the ${service} could not be asked`)
    : skip(`the ${service} does not run`);
}

const isRunning = ({ state }: ContainerFacts) => state === 'running';

function listOffences(
  containers: readonly ContainerFacts[],
  find: (container: ContainerFacts) => string | undefined,
): string[] {
  return containers.flatMap((container) => {
    const offence = find(container);
    return offence === undefined ? [] : [`${container.name}: ${offence}`];
  });
}

/** What a container's services say in one line: `backend 1 GiB, frontend 1 GiB`. */
export function perService(facts: Facts, say: (container: ContainerFacts) => string): string {
  return facts.containers.map((one) => `${one.service || one.name} ${say(one)}`).join(', ');
}

/** The container of a service; undefined when the stack has none. */
export function serviceOf(facts: Facts, service: string): ContainerFacts | undefined {
  return facts.containers.find((container) => container.service === service);
}

/** A check's outcome, as it is reported. */
export interface Result<F extends string = Family> {
  id: string;
  family: F;
  title: string;
  source: string;
  status: Finding['status'];
  found: string;
  fix: string;
}

/** Judges the facts by the checks, in their order. */
export function judgeAll(
  checks: readonly Check[],
  facts: Facts,
  skips: ReadonlyMap<string, string>,
): Result[] {
  return checks.map((check) => {
    const { id, family, title, source, fix } = check;
    const reason = skips.get(id) ?? leaveOut(check, facts.stack.mode);
    const finding = reason === undefined ? check.judge(facts) : skip(reason);
    return { id, family, title, source, fix, ...finding };
  });
}

function leaveOut({ notInTestMode }: Check, mode: Mode): string | undefined {
  return mode === 'test' ? notInTestMode : undefined;
}
