import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DescribedError } from '../lib/process/errors.ts';
import { attestArgv, signArgv, verifyArgv } from '../lib/registry/cosign-argv.ts';
import { authorizedLine, holdsKey, parseRequest } from '../lib/registry/deploy-rules.ts';
import { labelLine, parsePush, sumSent } from '../lib/registry/push-rules.ts';
import { manifestReference, parseFrom, parseRegistry } from '../lib/registry/reference-rules.ts';
import { parseReleaseManifest, type ReleaseManifest, sameImages } from '../lib/registry/release-manifest.ts';
import { explainRegistry } from '../lib/registry/trouble-rules.ts';
import { bent, bentText } from './arbitraries.ts';

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

  const postgres = (change: object) => ({
    images: { ...MANIFEST.images, postgres: { ...image('a'), ...change } },
  });
  const wrong: [string, object, RegExp][] = [
    ['another app', { app: 'acme-notes' }, /a release of the app acme-notes/],
    ['an app with escapes', { app: '\u001b]0;x\u0007' }, /app is no text/],
    ['a tag for a digest', postgres({ digest: 'latest' }), /digest/],
    ['a digest of another kind', postgres({ digest: `sha512:${'a'.repeat(128)}` }), /digest/],
    ['a digest with a path behind it', postgres({ digest: `${digest('a')}/../../x` }), /digest/],
    ['a base that turns the direction of writing', postgres({ base: 'node:24\u202e' }), /base/],
    ['no image', { images: { backend: image('b'), frontend: image('c') } }, /images\.postgres/],
    ['a list of images', { images: [image('a'), image('b'), image('c')] }, /images is no object/],
    ['images by inheritance', JSON.parse('{"images":{"__proto__":{"postgres":{}}}}') as object, /postgres/],
    ['a name with escapes', { release: '\u001b[2J' }, /release/],
    ['a name that is a path', { release: '../../latest' }, /release/],
    ['a name that is a flag', { release: '--rm' }, /release/],
    ['a name without end', { release: 'a'.repeat(129) }, /release/],
    ['a number for a name', { release: 1e308 }, /release/],
    ['a platform that is a flag', { platform: '--rm' }, /platform/],
    ['a time that is none', { createdAt: '2026-13-45T99:99:99Z' }, /createdAt/],
    ['migrations that are paths', { migrations: ['../../../etc/passwd'] }, /migrations\[0\]/],
    ['migrations that are no list', { migrations: { length: 1e9 } }, /migrations/],
    ['more than a manifest can hold', { padding: 'x'.repeat(300_000) }, /too long/],
  ];
  for (const [name, change, expected] of wrong)
    it(`${name} is refused`, () => assert.throws(() => parse(change), expected));

  for (const [name, text] of [
    ['a web page', '<html>hello</html>'],
    ['nothing', ''],
    ['null', 'null'],
    ['brackets without end', '['.repeat(200_000)],
  ] as const)
    it(`${name} is refused with a sentence`, () =>
      assert.throws(() => parseReleaseManifest(text, 'it'), DescribedError));

  it('whatever it is, a sentence comes of it, or a manifest that is harmless to print and to run', () => {
    const json = bent(MANIFEST).map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(fc.oneof(fc.json(), json, bentText(JSON.stringify(MANIFEST, null, 1))), (text) => {
        let read: ReleaseManifest;
        try {
          read = parseReleaseManifest(text, 'it');
        } catch (error) {
          assert.ok(error instanceof DescribedError, String(error));
          assert.doesNotMatch(error.message, /\p{C}/u);
          assert.ok(error.message.length < 400);
          return;
        }
        assert.doesNotMatch(JSON.stringify(read), /\p{C}/u);
        assert.match(read.release, /^\w[\w.-]*$/);
        for (const one of Object.values(read.images)) assert.match(one.digest, /^sha256:[0-9a-f]{64}$/);
        assert.deepEqual(Object.keys(read).sort(), Object.keys(MANIFEST).sort());
      }),
      { numRuns: 300 },
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

  it('a text becomes a label that holds nothing else', () => {
    assert.equal(labelLine('a.b', '{"c":"$HOME \\n"}'), 'LABEL a.b="{\\"c\\":\\"\\$HOME \\\\n\\"}"');
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
  const daemon = 'Error response from daemon: ';
  const unknownCa = `${daemon}Get "https://r:5000/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`;
  const said: [string, RegExp, RegExp][] = [
    [unknownCa, /authority that this host does not know/, /certs\.d\/r:5000\/ca\.crt/],
    ['x509: certificate has expired or is not yet valid: current time 2027', /has expired, or/, /^date/],
    ['x509: certificate is valid for 127.0.0.1, not 172.17.0.2', /for another name/, /REGISTRY/],
    ['no basic auth credentials', /password is wrong/, /docker login r:5000/],
    ['login attempt to http://r:5000/v2/ failed with status: 400 Bad Request', /password/, /docker login/],
    ['unauthorized: authentication required', /password is wrong/, /docker login/],
    ['received unexpected HTTP status: 401 Unauthorized', /password is wrong/, /docker login/],
    ['denied: requested access to the resource is denied', /password is wrong/, /docker login/],
    ['unauthorized: token has expired', /sign-in has expired/, /docker login/],
    ['toomanyrequests: You have reached your pull rate limit', /too often/, /later/],
    ['received unexpected HTTP status: 507 Insufficient Storage', /no space/, /make room/],
    ['write /var/lib/registry/x: no space left on device', /no space/, /make room/],
    ['denied: storage quota of the project exceeded', /no space/, /make room/],
    ['manifest unknown: manifest unknown', /no such release/, /REMOTE=1/],
    [
      "error parsing HTTP 200 response body: invalid character '<' looking for beginning of value",
      /as a registry does/,
      /REGISTRY/,
    ],
    [
      "error parsing HTTP 404 response body: invalid character '<' looking for beginning of value",
      /as a registry does/,
      /REGISTRY/,
    ],
    [`${daemon}unknown: <html>none</html>`, /as a registry does/, /REGISTRY/],
    ["error unmarshalling content: invalid character '<' looking", /as a registry does/, /REGISTRY/],
    [`${daemon}missing or empty Content-Type header`, /as a registry does/, /REGISTRY/],
    ['dial tcp 127.0.0.1:1: connect: connection refused', /does not answer$/, /run this again/],
    [
      'write tcp 127.0.0.1:2->127.0.0.1:1: use of closed network connection',
      /does not answer$/,
      /run this again/,
    ],
    ['http2: client connection lost', /does not answer$/, /run this again/],
    ['dial tcp: lookup r on 127.0.0.1:53: no such host', /does not answer$/, /name is right/],
    ['dial tcp 192.0.2.1:443: i/o timeout', /in time/, /run this again/],
    ['request canceled (Client.Timeout exceeded while awaiting headers)', /in time/, /run this again/],
    ['http: server gave HTTP response to HTTPS client', /without TLS/, /certificate/],
    ['received unexpected HTTP status: 500 Internal Server Error', /fault of its own/, /full disk/],
    ['received unexpected HTTP status: 502 Bad Gateway', /fault of its own/, /run this again/],
  ];
  for (const [text, cause, hint] of said) {
    it(text, () => {
      const trouble = explainRegistry(text, 'r:5000');
      assert.match(trouble?.cause ?? '', cause);
      assert.match(trouble?.hint ?? '', hint);
    });
  }

  it('a status is not found in the digits of a digest, an id, an address or a size', () => {
    const digits = ['401', '403', '404', '413', '429', '507', '500'].map((code) => code.padEnd(64, 'a'));
    for (const text of [
      ...digits.map((hex) => `surprise in sha256:${hex}`),
      ...digits.map((hex) => `${hex.slice(0, 12)}: Waiting`),
      'surprise at 10.0.4.401:5000, 404 bytes',
    ]) {
      assert.equal(explainRegistry(text, 'r:5000'), undefined, text);
    }
  });

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
