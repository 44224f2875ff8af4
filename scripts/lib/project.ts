import { fileURLToPath } from 'node:url';
import { readSettings, type StackSettings } from './model/stack.ts';

/** The repository's folder. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** The settings of the stack this process works on. */
export function loadSettings(): StackSettings {
  return readSettings(process.env, ROOT);
}
