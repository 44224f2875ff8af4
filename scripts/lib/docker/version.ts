/** The oldest Docker Engine (for start_interval) and Compose (for !override) that the compose files work with. */
export const MIN_ENGINE = '25.0';
export const MIN_COMPOSE = '2.24.4';

/**
 * Compares versions by their numbers: `28.2.2+dfsg1` is at least `25.0`.
 * @returns false for a text that holds no number
 */
export function isAtLeast(version: string, minimum: string): boolean {
  const numbers = (text: string) =>
    (text.match(/\d+(\.\d+)*/)?.[0] ?? '').split('.').filter(Boolean).map(Number);
  const [have, need] = [numbers(version), numbers(minimum)];
  if (have.length === 0) return false;
  for (let i = 0; i < need.length; i += 1) {
    const difference = (have[i] ?? 0) - (need[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
