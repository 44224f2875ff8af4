import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readGeneTable } from '../lib/app/gene-table.ts';
import { DescribedError } from '../lib/process/errors.ts';
import { readCertificates, readHosts, readVersion } from '../lib/proxy/npm/answer-rules.ts';
import { parseLayers, parseTags } from '../lib/registry/answer-rules.ts';
import { parsePush } from '../lib/registry/push-rules.ts';
import { parseReleaseManifest } from '../lib/registry/release-manifest.ts';
import { assertRefusal, bent, bentText, hostileText, RUNS } from './arbitraries.ts';

/** Whatever moves a cursor, hides or reorders what is shown. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const DIGEST = `sha256:${'ab'.repeat(32)}`;

function assertShown(value: unknown): void {
  if (typeof value === 'string') assert.doesNotMatch(value, UNPRINTABLE);
  else if (typeof value === 'object' && value !== null) Object.values(value).forEach(assertShown);
}

/** Refused with a sentence and a way on, not by a fault. */
function assertDescribed<T>(read: () => T): T | undefined {
  return assertRefusal(() => {
    try {
      return read();
    } catch (error) {
      assert.ok(error instanceof DescribedError && error.hint, String(error));
      assert.doesNotMatch(error.message, /[^\P{Cc}\n]/u);
      throw error;
    }
  });
}

const IMAGE = {
  digest: DIGEST,
  id: DIGEST,
  base: 'debian',
  baseCreated: '2026-01-02',
  sbom: 'ab'.repeat(32),
};
const RELEASE = {
  ...{ app: 'kidney-genetics', release: '1.0.0-abc', revision: 'abc', platform: 'linux/amd64' },
  ...{ createdAt: '2026-11-28T12:00:00.000Z', createdBy: 'ci', migrations: ['001_genes.sql'] },
  images: { backend: IMAGE, frontend: IMAGE, postgres: IMAGE },
};

describe('whatever a registry answers', () => {
  it('a release’s manifest is one of this app’s, field by field, or is refused', () => {
    assert.deepEqual(parseReleaseManifest(JSON.stringify(RELEASE), 'r'), RELEASE);
    const texts = fc.oneof(
      bent(RELEASE).map((value) => JSON.stringify(value) ?? ''),
      bentText(JSON.stringify(RELEASE, null, 1)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const read = assertDescribed(() => parseReleaseManifest(text, 'registry.example/release:1'));
        if (!read) return;
        assertShown(read);
        assert.match(read.release, /^[\w.-]+$/);
        for (const { digest, id } of Object.values(read.images))
          assert.match(digest + id, /^(sha256:[0-9a-f]{64}){2}$/);
        for (const name of read.migrations) assert.match(name, /^\w[\w.-]*$/);
      }),
      RUNS,
    );
  });

  it('a list of tags is one of tags, and of layers one of sizes', () => {
    const [tags, layers] = [{ Tags: ['1.0.0-abc', 'latest'] }, { layers: [{ digest: DIGEST, size: 7 }] }];
    assert.deepEqual(parseTags(JSON.stringify(tags)), tags.Tags);
    assert.deepEqual(parseLayers(JSON.stringify(layers)), layers.layers);
    fc.assert(
      fc.property(bent(tags), bent(layers), hostileText, (one, other, text) => {
        for (const answer of [JSON.stringify(one) ?? '', text])
          for (const tag of assertDescribed(() => parseTags(answer)) ?? [])
            assert.match(tag, /^\w[\w.-]{0,127}$/);
        for (const answer of [JSON.stringify(other) ?? '', text])
          for (const { size } of assertDescribed(() => parseLayers(answer)) ?? []) assert.ok(size >= 0);
      }),
      RUNS,
    );
  });

  it('what docker push prints names a digest, or is refused', () => {
    const good = `The push refers to repository [r]\n0123456789ab: Pushed\n1.0.0: digest: ${DIGEST} size: 1234\n`;
    fc.assert(
      fc.property(bentText(good), (text) => {
        const read = assertDescribed(() => parsePush(text));
        if (read) assert.match(read.digest, /^sha256:[0-9a-f]{64}$/);
      }),
      RUNS,
    );
  });
});

describe('whatever Nginx Proxy Manager answers', () => {
  const host = {
    ...{ id: 1, domain_names: ['genes.example.org'], forward_scheme: 'http', forward_host: 'kg-frontend' },
    ...{ forward_port: 80, certificate_id: 2, ssl_forced: 1, enabled: true, advanced_config: 'gzip off;' },
    ...{ locations: [], modified_on: '2026-01-02 03:04:05', meta: { nginx_online: true, nginx_err: null } },
  };
  const certificate = {
    ...{ id: 2, provider: 'letsencrypt', domain_names: ['genes.example.org'] },
    ...{ created_on: '2026-01-02 03:04:05', expires_on: '2026-04-02 03:04:05' },
  };

  it('hosts and certificates are what can be shown and counted with, or none', () => {
    fc.assert(
      fc.property(bent([host, host]), bent([certificate]), (hosts, certificates) => {
        for (const one of readHosts(hosts) ?? []) {
          assertShown([one.domain_names, one.forward_scheme, one.forward_host]);
          assert.ok(
            [one.id, one.forward_port, one.certificate_id, one.access_list_id].every(Number.isSafeInteger),
          );
          assert.equal(typeof one.advanced_config, 'string');
        }
        for (const one of readCertificates(certificates) ?? []) assertShown(one);
      }),
      RUNS,
    );
  });

  it('a version is three numbers, or none', () => {
    fc.assert(
      fc.property(bent({ version: { major: 2, minor: 15, revision: 1 } }), (body) => {
        const { major = 0, minor = 0, revision = 0 } = readVersion(body) ?? {};
        assert.ok([major, minor, revision].every(Number.isSafeInteger));
      }),
      RUNS,
    );
  });
});

describe('whatever a table of genes says', () => {
  const good = [
    'symbol,hgncId,name,chromosome,diseaseGroup,diseases',
    'PKD1,HGNC:9008,polycystin 1,16,cystic-kidney,Polycystic kidney disease {OMIM:173900; AD}',
    'PKD2,9009,"polycystin 2, the other",4,Cystic kidney,',
  ].join('\n');

  it('there are genes, and problems by line that can be shown', () => {
    assert.equal(readGeneTable(good).genes.length, 2);
    fc.assert(
      fc.property(bentText(good), (text) => {
        const { problems, rows } = readGeneTable(text);
        assert.ok(Number.isSafeInteger(rows));
        for (const { line, column, problem } of problems) {
          assert.ok(line >= 1 && problem.length > 0, `line ${line}`);
          assertShown([column, problem]);
        }
      }),
      RUNS,
    );
  });

  it('is read in a moment, however long a cell is', () => {
    const [head] = good.split('\n');
    for (const filler of [' ', '\t', '{', '|', ';', "'", '#', '"', '=', '&', '<', 'a'])
      for (const cell of [filler.repeat(50_000), `x${filler.repeat(50_000)}y`]) {
        const startedAt = process.cpuUsage();
        readGeneTable(`${head}\n${cell},${cell},${cell},${cell},${cell},${cell}\n`);
        // Of the processor's time: a busy machine takes nothing from it.
        const ms = process.cpuUsage(startedAt).user / 1000;
        assert.ok(ms < 3000, `${JSON.stringify(cell.slice(0, 4))}…: ${ms} ms`);
      }
  });
});
