import { asked, type Check, type Finding, fail, none, ok, warn } from '../check.ts';
import type { DatabaseFacts, Facts } from '../facts.ts';

const ROLE =
  'deploy/postgres/docker-entrypoint.sh makes it right for a new volume; for this one as the superuser: ALTER ROLE';
const RULES = 'deploy/postgres/pg_hba.conf, then: make prod-update WITH_DATABASE=1';
const SETTINGS = 'deploy/postgres/postgresql.conf, then: make prod-update WITH_DATABASE=1';

/** Last day with updates, by major version: https://www.postgresql.org/support/versioning/ */
const END_OF_LIFE: Readonly<Record<number, string>> = {
  14: '2026-11-12',
  15: '2027-11-11',
  16: '2028-11-09',
  17: '2029-11-08',
  18: '2030-11-14',
};
const NOTICE_DAYS = 180;
/** Connections that a backend opens beside its pool for requests: control pool 2, live changes 1, start-up 1. */
const OTHER_CONNECTIONS = 4;
/** During an update the next backend runs beside the current one. */
const BACKENDS = 2;

const POWERFUL =
  /^pg_(execute_server_program|read_server_files|write_server_files|read_all_data|write_all_data|signal_backend|maintain|checkpoint|create_subscription)$/;

const askedDatabase = (facts: Facts, judge: (database: DatabaseFacts) => Finding) =>
  asked(facts, 'postgres', facts.database, judge);

export const databaseChecks: readonly Check[] = [
  {
    id: 'database-role',
    family: 'database',
    title: 'The application’s role has no power over the server',
    source: 'OWASP Database Security: least privilege; CIS PostgreSQL, section 4',
    fix: `${ROLE} … NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS`,
    judge: (facts) =>
      askedDatabase(facts, ({ roles, applicationRole }) => {
        const role = roles.find(({ name }) => name === applicationRole);
        if (!role) return fail(`there is no role ${applicationRole}`);
        return none(
          role.powers,
          `${applicationRole}: no superuser, createdb, createrole, replication or bypassrls`,
        );
      }),
  },
  {
    id: 'database-memberships',
    family: 'database',
    title: 'The application’s role inherits no power from another',
    source: 'OWASP Database Security: least privilege; CIS PostgreSQL, section 4',
    fix: 'as the superuser: REVOKE … FROM the role',
    judge: (facts) =>
      askedDatabase(facts, ({ roles, applicationRole }) => {
        const supers = roles.filter(({ powers }) => powers.length > 0).map(({ name }) => name);
        const member = roles.find(({ name }) => name === applicationRole)?.memberOf ?? [];
        return none(
          member
            .filter((name) => POWERFUL.test(name) || supers.includes(name))
            .map((name) => `member of ${name}`),
          member.join(', ') || 'member of none',
        );
      }),
  },
  {
    id: 'database-superusers',
    family: 'database',
    title: 'postgres is the only superuser, and has no password',
    source: 'OWASP Database Security; CIS PostgreSQL, section 4',
    fix: 'as the superuser: ALTER ROLE postgres PASSWORD NULL; others: ALTER ROLE … NOSUPERUSER',
    judge: (facts) =>
      askedDatabase(facts, ({ roles, applicationRole }) =>
        none(
          roles
            .filter(({ name, powers }) => powers.includes('superuser') && name !== applicationRole)
            .flatMap(({ name, password }) => [
              ...(name === 'postgres' ? [] : [`${name} is one too`]),
              ...(password === 'none' ? [] : [`${name} has a password`]),
            ]),
          'postgres, without a password',
        ),
      ),
  },
  {
    id: 'database-passwords',
    family: 'database',
    title: 'Passwords are kept as SCRAM-SHA-256',
    source: 'RFC 7677; OWASP Database Security: authentication; CIS PostgreSQL, section 5',
    fix: `password_encryption = scram-sha-256, and set the password anew. ${SETTINGS}`,
    judge: (facts) =>
      askedDatabase(facts, ({ roles, passwordEncryption }) =>
        none(
          [
            ...(passwordEncryption === 'scram-sha-256'
              ? []
              : [`password_encryption is ${passwordEncryption}`]),
            ...roles
              .filter(({ password }) => password === 'md5' || password === 'other')
              .map(({ name, password }) => `${name}: ${password}`),
          ],
          'scram-sha-256',
        ),
      ),
  },
  {
    id: 'database-trust',
    family: 'database',
    title: 'Nobody signs in without proof (no trust, password, md5 or ident in pg_hba.conf)',
    source: 'PostgreSQL 17 manual, 20.4; CIS PostgreSQL, section 5',
    fix: RULES,
    judge: (facts) =>
      askedDatabase(facts, ({ rules }) =>
        none(
          rules
            .filter(({ method, error }) => error || /^(trust|password|md5|ident)$/.test(method))
            .map(({ line, method, error }) => `line ${line}: ${error || method}`),
          `${rules.length} lines: ${[...new Set(rules.map(({ method }) => method))].join(', ')}`,
        ),
      ),
  },
  {
    id: 'database-superuser-remote',
    family: 'database',
    title: 'The superuser does not sign in over the network',
    source: 'CIS PostgreSQL, section 5; OWASP Database Security',
    fix: `"host all postgres … reject" first. ${RULES}`,
    judge: (facts) =>
      askedDatabase(facts, ({ rules }) => {
        const first = rules.find(
          ({ type, users }) => type.startsWith('host') && /(^|,)(all|postgres)(,|$)/.test(users),
        );
        return first === undefined || (first.method === 'reject' && /postgres/.test(first.users))
          ? ok('rejected')
          : fail(`line ${first.line} lets ${first.users} try from ${first.address}`);
      }),
  },
  {
    id: 'database-checksums',
    family: 'database',
    title: 'Pages carry checksums, so that a bad disk is noticed',
    source: 'PostgreSQL 17 manual, 28.2',
    fix: 'they are switched on for a stopped server: pg_checksums --enable',
    judge: (facts) =>
      askedDatabase(facts, ({ checksums }) => (checksums === 'on' ? ok('on') : fail(checksums))),
  },
  {
    id: 'database-durability',
    family: 'database',
    title: 'A committed write survives a crash',
    source: 'PostgreSQL 17 manual, 28.3 and 19.5',
    fix: `fsync, full_page_writes and synchronous_commit on. ${SETTINGS}`,
    judge: (facts) =>
      askedDatabase(facts, ({ durability }) =>
        none(
          Object.entries(durability)
            .filter(([, value]) => value === 'off')
            .map(([name]) => `${name} is off`),
          Object.keys(durability).join(', '),
        ),
      ),
  },
  {
    id: 'database-log-values',
    family: 'database',
    title: 'The server’s log holds no bound values and not every statement, which may be personal data',
    source: 'OWASP Logging: data to exclude',
    fix: `log_parameter_max_length = 0, log_statement = none or ddl. ${SETTINGS}`,
    judge: (facts) =>
      askedDatabase(facts, ({ logging }) =>
        none(
          Object.entries(logging)
            .filter(([name, value]) => (name === 'log_statement' ? /^(all|mod)$/.test(value) : value !== '0'))
            .map(([name, value]) => `${name} is ${value}`),
          Object.entries(logging)
            .map(([name, value]) => `${name} ${value}`)
            .join(', '),
        ),
      ),
  },
  {
    id: 'database-public',
    family: 'database',
    title: 'Who is merely a user of the server may neither connect to the database nor create in it',
    source: 'OWASP Database Security: least privilege; CVE-2018-1058',
    fix: 'as the superuser: REVOKE CONNECT ON DATABASE … FROM PUBLIC; REVOKE CREATE ON SCHEMA public FROM PUBLIC',
    judge: (facts) =>
      askedDatabase(facts, ({ publicRights }) =>
        none(
          publicRights.map((right) => `PUBLIC may ${right}`),
          'PUBLIC has no right',
        ),
      ),
  },
  {
    id: 'database-connections',
    family: 'database',
    title: 'All pools together stay below the server’s limit, also while two backends run during an update',
    source: 'PostgreSQL 17 manual, 19.3',
    fix: `a smaller PGPOOL_MAX, or a larger max_connections. ${SETTINGS}`,
    judge: (facts) =>
      askedDatabase(facts, ({ poolMax, maxConnections, reservedConnections }) => {
        if (poolMax === null) return fail('the backend does not tell its pool');
        const need = BACKENDS * (poolMax + OTHER_CONNECTIONS);
        const text = `${BACKENDS} backends with ${poolMax} + ${OTHER_CONNECTIONS} connections, ${maxConnections} - ${reservedConnections} for them`;
        return need < maxConnections - reservedConnections ? ok(text) : fail(text);
      }),
  },
  {
    id: 'database-version',
    family: 'database',
    title: 'The server’s major version gets updates',
    source: 'postgresql.org/support/versioning; CIS Docker 1.6.0, 4.4',
    fix: 'go to the next major version with a backup in hand; see docs/README.md',
    judge: (facts) =>
      askedDatabase(facts, ({ version }) => {
        const major = Math.floor(version / 10_000);
        const end = END_OF_LIFE[major];
        const name = `PostgreSQL ${major}.${version % 10_000}`;
        if (end === undefined)
          return major > 18 ? ok(`${name}, newer than this list`) : fail(`${name} gets no updates any more`);
        const days = Math.floor((Date.parse(end) - Date.parse(facts.now)) / 86_400_000);
        if (days < 0) return fail(`${name} has had no updates since ${end}`);
        return days < NOTICE_DAYS ? warn(`${name}, until ${end}`) : ok(`${name}, until ${end}`);
      }),
  },
];
