/** Steps that only the Dockerfiles of this project have, as BuildKit describes its records. */
const OUR_STEPS =
  /npm (ci|run build) -w (backend|frontend)\b|\bCOPY (backend backend|frontend frontend|deploy\/)|\/src\/backend\/dist|\/rootfs\b|COPY (backend|frontend)\/package\.json/;

/**
 * Finds the records of the build cache that this project's builds made.
 * @param listing what `docker buildx du --verbose` prints: records of `Key: value` lines, apart by empty lines
 * @returns their ids; those in use are left out
 */
export function findOurCache(listing: string): string[] {
  return listing.split(/\n\s*\n/).flatMap((record) => {
    const field = (name: string) => new RegExp(`^${name}:\\s*(.+)$`, 'm').exec(record)?.[1]?.trim() ?? '';
    const ours = OUR_STEPS.test(field('Description')) && field('Reclaimable') === 'true';
    return ours && field('ID') ? [field('ID')] : [];
  });
}
