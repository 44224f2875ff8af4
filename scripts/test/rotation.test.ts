import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { replaceSecrets, scramVerifier, signInAs } from '../lib/secrets/rotation-rules.ts';

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

  it('replaces both secrets in an env file and nothing else', () => {
    const reference = `DATABASE_URL=postgresql://u:${'$'}{POSTGRES_PASSWORD}@h:5432/d`;
    const text = `# keep\nPOSTGRES_PASSWORD=old-password\n${reference}\n\nSECRET_KEY=old-key\nLOG_LEVEL=INFO\n`;
    assert.equal(
      replaceSecrets(text, before, now),
      `# keep\nPOSTGRES_PASSWORD=new-password\n${reference}\n\nSECRET_KEY=new-key\nLOG_LEVEL=INFO\n`,
    );
    assert.equal(
      replaceSecrets('DATABASE_URL=postgresql://u:old-password@h:5432/d', before, now),
      'DATABASE_URL=postgresql://u:new-password@h:5432/d',
    );
  });

  it('keeps host and database of a URL when it signs in as another', () => {
    assert.equal(
      signInAs('postgresql://u:p@kidney-genetics-postgres:5432/d', 'v', 'q-_.~'),
      'postgresql://v:q-_.~@kidney-genetics-postgres:5432/d',
    );
  });
});
