/** Steps that only the Dockerfiles of this project have, as BuildKit describes its records. */
const OUR_STEPS =
  /npm (ci|run build) -w (backend|frontend)\b|\bCOPY (backend backend|frontend frontend|deploy\/)|\/src\/backend\/dist|\/rootfs\b|COPY (backend|frontend)\/package\.json/;

interface CacheRecord {
  id: string;
  parents: string[];
  description: string;
  removable: boolean;
}

/**
 * Finds the records of the build cache that this project's builds made: those of its own steps, and all that was made from them.
 * @param listing what `docker buildx du --verbose` prints: records of `Key: value` lines, apart by empty lines
 * @returns their ids; those in use are left out, and those that an image shares, which take no room of their own
 */
export function findOurCache(listing: string): string[] {
  const records = listing.split(/\n\s*\n/).map(readRecord);
  const ours = new Set(records.filter(({ description }) => OUR_STEPS.test(description)).map(({ id }) => id));
  // Each round finds what was made from the round before.
  for (let known = 0; known < ours.size; ) {
    known = ours.size;
    for (const { id, parents } of records) if (parents.some((parent) => ours.has(parent))) ours.add(id);
  }
  return records.filter(({ id, removable }) => id && removable && ours.has(id)).map(({ id }) => id);
}

function readRecord(text: string): CacheRecord {
  const field = (name: string) => new RegExp(`^${name}:\\s*(.+)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  return {
    id: field('ID'),
    parents: field('Parents?')
      .split(/[,\s]+/)
      .filter(Boolean),
    description: field('Description'),
    removable: field('Reclaimable') === 'true' && field('Shared') !== 'true',
  };
}
