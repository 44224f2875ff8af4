import type { GenePage } from '../api/types.ts';

/** The table pages of this session by their API parameters, so that going back shows the table at once. */
export const pageCache = new Map<string, GenePage>();
