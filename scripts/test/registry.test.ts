import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DescribedError } from '../lib/process/errors.ts';
import { attestArgv, signArgv, verifyArgv } from '../lib/registry/cosign-argv.ts';
import { authorizedLine, holdsKey, parseRequest } from '../lib/registry/deploy-rules.ts';
import { parsePush, sumSent } from '../lib/registry/push-rules.ts';
import { manifestReference, parseFrom, parseRegistry } from '../lib/registry/reference-rules.ts';
import { parseReleaseManifest, type ReleaseManifest, sameImages } from '../lib/registry/release-manifest.ts';
import { explainRegistry } from '../lib/registry/trouble-rules.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const image = (letter: string) => ({
  ...{ digest: digest(letter), id: digest('f'), base: 'node:24-trixie-slim', baseCreated: '', sbom: '' },
});
const MANIFEST: ReleaseManifest = {
  ...{ app: 'kidney-genetics', release: '0.2.0-abc', revision: 'abc', platform: 'linux/amd64' },
  ...{ createdAt: '2026-11-28T12:00:00.000Z', createdBy: 'ci', migrations: ['001_genes.sql'] },
  images: { postgres: image('a'), backend: image('b'), frontend: image('c') },
};

describe('where a release is', () => {
  const from: [string, string, string][] = [
    ['latest', 'ghcr.io/owner', 'ghcr.io/owner/kidney-genetics-release:latest'],
    ['0.2.0-abc', 'localhost:5000', 'localhost:5000/kidney-genetics-release:0.2.0-abc'],
    ['ghcr.io/owner:0.2.0-abc', '', 'ghcr.io/owner/kidney-genetics-release:0.2.0-abc'],
    ['r.example:5000/a/b:latest', 'ghcr.io/x', 'r.example:5000/a/b/kidney-genetics-release:latest'],
    ['ghcr.io/owner/kidney-genetics-release:1', '', 'ghcr.io/owner/kidney-genetics-release:1'],
  ];
  for (const [text, registry, expected] of from) {
    it(`FROM=${text}`, () => assert.equal(manifestReference(parseFrom(text, registry)), expected));
  }

  for (const text of [
    '',
    '--help',
    'a b',
    'ghcr.io/Owner:1',
    'ghcr.io/owner:',
    'ghcr.io/o;rm:1',
    'ghcr.io/o@x:1',
  ]) {
    it(`refuses FROM=${text}`, () => assert.throws(() => parseFrom(text, 'ghcr.io/owner'), DescribedError));
  }

  it('a bare name wants a registry', () =>
    assert.throws(() => parseFrom('latest', ''), /no registry is set/));

  it('REGISTRY takes a host with a path, with or without https:// and a last slash', () => {
    assert.equal(parseRegistry('https://ghcr.io/owner/'), 'ghcr.io/owner');
    assert.equal(parseRegistry('[::1]:5000'), '[::1]:5000');
    for (const bad of ['', '-f', 'http://ghcr.io', 'ghcr.io//x', 'ghcr.io/Ü', 'a b']) {
      assert.throws(() => parseRegistry(bad), DescribedError, bad);
    }
  });
});

describe('a release’s manifest', () => {
  const parse = (change: object) => parseReleaseManifest(JSON.stringify({ ...MANIFEST, ...change }), 'it');

  it('is read field by field, and nothing else is kept', () => {
    assert.deepEqual(parse({ run: 'rm -rf /' }), MANIFEST);
  });

  const wrong: [string, object, RegExp][] = [
    ['another app', { app: 'acme-notes' }, /a release of the app acme-notes/],
    [
      'a tag for a digest',
      { images: { ...MANIFEST.images, backend: { ...image('b'), digest: 'latest' } } },
      /digest/,
    ],
    ['no image', { images: { backend: image('b'), frontend: image('c') } }, /digest/],
    ['a name with escapes', { release: '\u001b[2J' }, /release/],
    ['a platform that is a flag', { platform: '--rm' }, /platform/],
  ];
  for (const [name, change, expected] of wrong)
    it(`${name} is refused`, () => assert.throws(() => parse(change), expected));

  it('whatever it is, a sentence comes of it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.object().map((one) => JSON.stringify({ ...MANIFEST, ...one })),
        ),
        (text) => {
          try {
            assert.equal(parseReleaseManifest(text, 'it').app, 'kidney-genetics');
          } catch (error) {
            assert.ok(error instanceof DescribedError);
          }
        },
      ),
    );
  });

  it('two are the same release when their images are', () => {
    assert.ok(sameImages(MANIFEST, { ...MANIFEST, createdBy: 'somebody else' }));
    assert.ok(!sameImages(MANIFEST, { ...MANIFEST, images: { ...MANIFEST.images, frontend: image('d') } }));
  });
});

describe('what docker push said', () => {
  const printed = [
    'The push refers to repository [r/kidney-genetics-backend]',
    'aaaaaaaaaaaa: Preparing',
    'aaaaaaaaaaaa: Pushed',
    'bbbbbbbbbbbb: Layer already exists',
    'cccccccccccc: Pushed',
    `1: digest: ${digest('9')} size: 2395`,
  ].join('\n');

  it('names the digest and the layers that were sent', () => {
    assert.deepEqual(parsePush(printed), { digest: digest('9'), sent: ['aaaaaaaaaaaa', 'cccccccccccc'] });
    assert.throws(() => parsePush('denied'), /no digest/);
  });

  it('their bytes, by either name of a layer', () => {
    const layers = [
      { digest: digest('a'), size: 100 },
      { digest: digest('1'), size: 20 },
      { digest: digest('2'), size: 3 },
    ];
    assert.equal(
      sumSent(['aaaaaaaaaaaa', 'cccccccccccc'], layers, [digest('7'), digest('c'), digest('8')]),
      120,
    );
    assert.equal(sumSent([], layers, []), 0);
  });
});

describe('what a registry’s refusal means', () => {
  const said: [string, RegExp, RegExp][] = [
    [
      'Error response from daemon: Get "https://r:5000/v2/": x509: certificate signed by unknown authority',
      /authority/,
      /certs\.d\/r:5000\/ca\.crt/,
    ],
    ['no basic auth credentials', /password is wrong/, /docker login r:5000/],
    [
      'login attempt to http://r:5000/v2/ failed with status: 400 Bad Request',
      /password is wrong/,
      /docker login/,
    ],
    ['unauthorized: authentication required', /password is wrong/, /docker login/],
    ['error: token has expired', /expired/, /docker login/],
    ['received unexpected HTTP status: 507 Insufficient Storage', /no space/, /make room/],
    ['write /var/lib/registry/x: no space left on device', /no space/, /make room/],
    ['manifest unknown: manifest unknown', /no such release/, /REMOTE=1/],
    [
      "error parsing HTTP 200 response body: invalid character '<' looking for beginning of value",
      /as a registry does/,
      /REGISTRY/,
    ],
    ['Error response from daemon: missing or empty Content-Type header', /as a registry does/, /REGISTRY/],
    ['dial tcp 127.0.0.1:1: connect: connection refused', /does not answer$/, /run this again/],
    ['dial tcp: lookup r on 127.0.0.1:53: no such host', /does not answer$/, /name is right/],
    [
      'net/http: request canceled (Client.Timeout exceeded while awaiting headers)',
      /in time/,
      /run this again/,
    ],
    ['http: server gave HTTP response to HTTPS client', /without TLS/, /certificate/],
  ];
  for (const [text, cause, hint] of said) {
    it(text, () => {
      const trouble = explainRegistry(text, 'r:5000');
      assert.match(trouble?.cause ?? '', cause);
      assert.match(trouble?.hint ?? '', hint);
    });
  }

  it('an unknown one is left as it is', () => assert.equal(explainRegistry('surprise', 'r:5000'), undefined));
});

describe('cosign, without a transparency log', () => {
  const reference = `r:5000/kidney-genetics-backend@${digest('b')}`;

  it('signs by digest', () => {
    assert.deepEqual(signArgv(reference, '/k', {}), [
      ...['cosign', 'sign', '--key', '/k', '--tlog-upload=false', '--yes', reference],
    ]);
  });

  it('attaches a statement, and knows the registry’s own authority', () => {
    assert.deepEqual(
      attestArgv(reference, 'env://COSIGN_KEY', 'cyclonedx', '/b.json', { caFile: '/ca.crt' }),
      [
        ...['cosign', 'attest', '--key', 'env://COSIGN_KEY', '--tlog-upload=false', '--yes'],
        ...['--type', 'cyclonedx', '--predicate', '/b.json', '--registry-cacert', '/ca.crt', reference],
      ],
    );
  });

  it('checks a signature', () => {
    assert.deepEqual(verifyArgv(reference, '/k.pub', {}), [
      ...['cosign', 'verify', '--key', '/k.pub', '--insecure-ignore-tlog=true', reference],
    ]);
  });
});

describe('a deploy key', () => {
  it('asks for an update or for health, and for nothing else', () => {
    assert.deepEqual(parseRequest('update 0.2.0-abc'), { do: 'update', from: '0.2.0-abc' });
    assert.deepEqual(parseRequest('update'), { do: 'update', from: 'latest' });
    assert.deepEqual(parseRequest('health'), { do: 'health' });
    const smuggled = [
      '',
      'bash',
      'update a; id',
      'update $(id)',
      'update --help',
      'update a b',
      'health x',
      'update\nid',
      '-i',
    ];
    for (const text of smuggled) assert.throws(() => parseRequest(text), /nothing but deploy/, text);
  });

  it('becomes a line that allows no more', () => {
    assert.equal(
      authorizedLine('ssh-ed25519 AAAAC3Nza= ci "x', '/srv/kidney genetics'),
      `restrict,command="cd '/srv/kidney genetics' && exec make -s deploy" ssh-ed25519 AAAAC3Nza= ci x`,
    );
    assert.throws(() => authorizedLine('ssh-ed25519 AAAA ci', '/srv/x"y'), /characters/);
    assert.throws(() => authorizedLine('-----BEGIN OPENSSH PRIVATE KEY-----', '/srv'), /no public key/);
    assert.ok(holdsKey('restrict ssh-ed25519 AAAA x', 'ssh-ed25519 AAAA y'));
    assert.ok(!holdsKey('ssh-ed25519 AAAAB x', 'ssh-ed25519 AAAA y'));
  });
});
