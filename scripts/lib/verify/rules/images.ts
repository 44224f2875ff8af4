import { type Check, fail, none, ok, warn } from '../check.ts';
import type { Facts, ScanFacts } from '../facts.ts';

const BUILD = 'make prod-update WITH_DATABASE=1';
const SCAN = 'make prod-scan';
const OLD_BASE_DAYS = 30;
const VERY_OLD_BASE_DAYS = 90;
const OLD_SCAN_DAYS = 7;

const daysSince = (facts: Facts, at: string) =>
  Math.floor((Date.parse(facts.now) - Date.parse(at)) / 86_400_000);

/** The last scan, where it was of the images that run. */
function currentScan({ scan, images }: Facts): ScanFacts | undefined {
  return scan && images.every(({ id }) => scan.imageIds.includes(id)) ? scan : undefined;
}

export const imageChecks: readonly Check[] = [
  {
    id: 'image-current',
    family: 'images',
    title: 'What runs is what the images’ names mean',
    source: 'CIS Docker 1.6.0, 5.28',
    fix: 'somebody gave the name to another image; deploy what is meant: make prod-update',
    judge: ({ images }) =>
      none(
        images
          .filter(({ id, namedId }) => id !== namedId)
          .map(({ service, name }) => `${service} runs another image than ${name} is now`),
        images.map(({ name }) => name).join(', '),
      ),
  },
  {
    id: 'image-revision',
    family: 'images',
    title: 'The revision labels of both halves agree with each other and with what the API says of itself',
    source: 'OCI image annotations; CIS Docker 1.6.0, 5.28',
    fix: 'one of them is of another build: make prod-update',
    judge({ images, http }) {
      // An update keeps the image of a database whose contents are the same, with its former revision.
      const halves = images.filter(({ service }) => service !== 'postgres');
      const said = [
        ...halves.map(({ service, revision }) => [service, revision]),
        ...(http ? [['the API', http.revision]] : []),
      ];
      const text = said.map(([who, revision]) => `${who} ${revision || 'none'}`).join(', ');
      return new Set(said.map(([, revision]) => revision)).size === 1 && said[0]?.[1] ? ok(text) : fail(text);
    },
  },
  {
    id: 'image-signature',
    family: 'images',
    title: 'Where COSIGN_PUBLIC_KEY names a key, what runs is what it has signed, as the registry says now',
    source: 'CIS Docker 1.6.0, 4.5; this project’s own promise',
    fix: 'deploy a signed release: make prod-update FROM=latest WITH_DATABASE=1',
    judge({ signatures }) {
      if (!signatures) return ok('no key is set, and none is asked for');
      const text = signatures.map(({ image, state, found }) => `${image} ${state}: ${found}`).join('; ');
      if (signatures.some(({ state }) => state === 'not signed')) return fail(text);
      return signatures.every(({ state }) => state === 'signed') ? ok(text) : warn(text);
    },
  },
  {
    id: 'image-user',
    family: 'images',
    title: 'Each image names a user that is not root',
    source: 'CIS Docker 1.6.0, 4.1; OWASP Docker rule 2',
    fix: `USER in the Dockerfile. ${BUILD}`,
    judge: ({ images }) =>
      none(
        images
          .filter(({ user }) => /^(|root|0)(:|$)/.test(user))
          .map(({ name, user }) => `${name} has ${user || 'none'}`),
        images.map(({ service, user }) => `${service} ${user}`).join(', '),
      ),
  },
  {
    id: 'image-base',
    family: 'images',
    title: 'Each image tells its base, whose version is pinned',
    source: 'CIS Docker 1.6.0, 4.2',
    fix: `NODE_BASE, NGINX_BASE and POSTGRES_BASE with a tag that is not latest; ${BUILD}`,
    judge: ({ images }) =>
      none(
        images
          .filter(({ baseName }) => !/:(?!latest$)[^/]+$|@sha256:/.test(baseName))
          .map(({ name, baseName }) => `${name}: ${baseName || 'none'}`),
        [...new Set(images.map(({ baseName }) => baseName))].join(', '),
      ),
  },
  {
    id: 'image-base-age',
    family: 'images',
    title: `The bases are younger than ${OLD_BASE_DAYS} days`,
    source: 'CIS Docker 1.6.0, 4.4',
    fix: 'npx tsx scripts/base-images.ts --refresh, then: make prod-update WITH_DATABASE=1',
    judge(facts) {
      const ages = facts.images.map(({ service, baseCreated }) => ({
        service,
        days: baseCreated ? daysSince(facts, baseCreated) : undefined,
      }));
      const text = ages
        .map(({ service, days }) => `${service} ${days === undefined ? 'not told' : `${days} days`}`)
        .join(', ');
      if (ages.some(({ days }) => days !== undefined && days > VERY_OLD_BASE_DAYS)) return fail(text);
      return ages.every(({ days }) => days !== undefined && days <= OLD_BASE_DAYS) ? ok(text) : warn(text);
    },
  },
  {
    id: 'image-bill-of-materials',
    family: 'images',
    title: 'There is a bill of materials (SBOM) of each image that runs',
    source: 'CycloneDX 1.5; NTIA minimum elements for an SBOM',
    fix: SCAN,
    judge(facts) {
      const scan = currentScan(facts);
      if (!scan) return warn(facts.scan ? 'it is of other images than those that run' : 'there is none');
      const empty = facts.images
        .filter(({ id }) => !scan.components[id])
        .map(({ name }) => `${name}: no component`);
      return none(
        empty,
        facts.images.map(({ service, id }) => `${service} ${scan.components[id]} components`).join(', '),
      );
    },
  },
  {
    id: 'image-updates',
    family: 'images',
    title: 'No package of the images waits for a security update, as of a scan of this week',
    source: 'CIS Docker 1.6.0, 4.4',
    fix: `${SCAN}; updates come with: npx tsx scripts/base-images.ts --refresh, then make prod-update WITH_DATABASE=1`,
    judge(facts) {
      const scan = currentScan(facts);
      if (!scan) return warn(facts.scan ? 'the last scan was of other images' : 'never scanned');
      if (scan.high.length > 0) return fail(scan.high.slice(0, 5).join(', '));
      const text = `${scan.at.slice(0, 10)}: nothing from HIGH on (${scan.method})`;
      if (!scan.complete) return warn(`${text}; the rest gave no answer`);
      const days = daysSince(facts, scan.at);
      return days <= OLD_SCAN_DAYS ? ok(text) : warn(`${text}; that was ${days} days ago`);
    },
  },
];
