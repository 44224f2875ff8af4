import type { EnvProblem } from './env-text-rules.ts';

const MIN_LENGTH = 20;
/** Bits that a secret has at least by the frequencies of its characters; 20 random ones of base64 have about 80. */
const MIN_BITS = 64;

/**
 * Finds secrets that can be guessed.
 * @param secrets keys and values
 */
export function findWeakSecrets(secrets: readonly { key: string; value: string }[]): EnvProblem[] {
  return secrets.flatMap(({ key, value }, index) => {
    const problem = findWeakness(value);
    const twin = secrets.slice(0, index).find((other) => other.value === value);
    return [
      ...(problem ? [{ key, problem }] : []),
      ...(twin ? [{ key, problem: `is the same as ${twin.key}` }] : []),
    ];
  });
}

function findWeakness(value: string): string | undefined {
  if (value.length < MIN_LENGTH) return `is shorter than ${MIN_LENGTH} characters`;
  return measureBits(value) < MIN_BITS ? 'repeats itself' : undefined;
}

/** Shannon's measure over the characters, which finds repetition: https://en.wikipedia.org/wiki/Entropy_(information_theory) */
function measureBits(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  const shares = [...counts.values()].map((count) => count / value.length);
  return value.length * -shares.reduce((sum, share) => sum + share * Math.log2(share), 0);
}

const DATE_LINE = /^# Secrets made on (\d{4}-\d\d-\d\d).*\n/gm;

/** Has an env file say in its first line when its secrets were made. */
export function dateSecrets(text: string, date: Date): string {
  const day = date.toISOString().slice(0, 10);
  return `# Secrets made on ${day}. Change this line when you change them by hand.\n${text.replace(DATE_LINE, '')}`;
}

/** When the secrets were made, as the env file says; undefined when it does not. */
export function readSecretsDate(text: string): string | undefined {
  const dates = [...text.matchAll(DATE_LINE)].map(([, date]) => date ?? '').sort();
  return dates[0];
}
