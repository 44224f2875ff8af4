import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changedValues, scramVerifier, signInAs } from '../lib/secrets/rotation-rules.ts';
import { changeEnvText, readEnvText } from '../lib/stack/env-text-rules.ts';

const before = { postgresPassword: 'old-password', secretKey: 'old-key' };
const now = { postgresPassword: 'new-password', secretKey: 'new-key' };

describe('the rotation of secrets', () => {
  it('makes the verifier that PostgreSQL makes of the same password and salt', () => {
    // RFC 7677, section 3: user "user", password "pencil".
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    assert.equal(
      scramVerifier('pencil', salt),
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
  });

  const REFERENCE = `postgresql://u:${'$'}{POSTGRES_PASSWORD}@h:5432/d`;
  const texts: [what: string, text: string, url: string | undefined][] = [
    [
      'a plain file',
      `POSTGRES_PASSWORD=old-password\nDATABASE_URL=${REFERENCE}\nSECRET_KEY=old-key\n`,
      undefined,
    ],
    [
      'exported keys',
      `export POSTGRES_PASSWORD=old-password\nexport DATABASE_URL=${REFERENCE}\nexport SECRET_KEY=old-key`,
      undefined,
    ],
    [
      'blanks and quotes',
      `POSTGRES_PASSWORD = "old-password"\nDATABASE_URL = "${REFERENCE}"\nSECRET_KEY = 'old-key' # key\n`,
      undefined,
    ],
    [
      'CRLF',
      `POSTGRES_PASSWORD=old-password\r\nDATABASE_URL=${REFERENCE}\r\nSECRET_KEY=old-key\r\n`,
      undefined,
    ],
    [
      'a repeated password',
      'POSTGRES_PASSWORD=old-password\nDATABASE_URL=postgresql://u:old-password@h/d\nSECRET_KEY=old-key\n',
      'postgresql://u:new-password@h/d',
    ],
  ];
  for (const [what, text, url] of texts) {
    it(`replaces both secrets in an env file with ${what}, and nothing else`, () => {
      const changed = changeEnvText(`# keep\n${text}`, changedValues(text, before, now));
      assert.deepEqual(readEnvText(changed), {
        problems: [],
        values: {
          POSTGRES_PASSWORD: 'new-password',
          DATABASE_URL: url ?? 'postgresql://u:new-password@h:5432/d',
          SECRET_KEY: 'new-key',
        },
      });
      assert.match(changed, /^# keep\r?\n/);
      assert.equal(/old-/.test(changed), false);
    });
  }

  it('keeps host and database of a URL when it signs in as another', () => {
    assert.equal(
      signInAs('postgresql://u:p@kidney-genetics-postgres:5432/d', 'v', 'q-_.~'),
      'postgresql://v:q-_.~@kidney-genetics-postgres:5432/d',
    );
  });
});
