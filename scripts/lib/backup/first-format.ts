/** What `ALTER DATABASE` and its like looked like in a manifest of version 0.2 and before, which held SQL as text. */
const GRANT = /^GRANT (\w+) ON DATABASE :"database" TO (.+?)( WITH GRANT OPTION)?$/;
const SET = /^ALTER (?:DATABASE :"database"|ROLE (.+) IN DATABASE :"database") SET ([\w.]+) TO '(.*)'$/;
const ROLE = /^CREATE ROLE (.+);$/gm;

/**
 * Turns a manifest of the first format, nobody's signature on it, into fields; what is not understood is left out.
 * @param value its JSON
 * @returns what a manifest of today would say, to be read like any other
 */
export function readFirstFormat(value: unknown): unknown {
  const { database, roles, ...rest } = value as { database?: { settings?: unknown }; roles?: unknown };
  const words = Array.isArray(database?.settings)
    ? database.settings.filter((one) => typeof one === 'string')
    : [];
  const grants = words.flatMap((one) => {
    const [, privilege, role = '', option] = GRANT.exec(one) ?? [];
    if (!privilege) return [];
    return [{ privilege, role: role === 'PUBLIC' ? '' : unquote(role), grantable: option !== undefined }];
  });
  const settings = words.flatMap((one) => {
    const [, role = '', name, text = ''] = SET.exec(one) ?? [];
    return name ? [{ role: unquote(role), name, value: text.replaceAll("''", "'") }] : [];
  });
  const hasGrants = words.some((one) => one.startsWith('REVOKE ALL'));
  return {
    ...rest,
    // It was made in another way then.
    schemaHash: '',
    database: { ...database, settings, ...(hasGrants ? { grants } : {}) },
    roles:
      typeof roles === 'string' ? [...roles.matchAll(ROLE)].flatMap(([, role]) => toRole(role ?? '')) : [],
  };
}

/** Without its attributes: an operator who needs them knows them. */
function toRole(quoted: string): object[] {
  const name = unquote(quoted);
  if (name === 'postgres') return [];
  return [{ name, login: false, inherit: true, connectionLimit: -1, memberOf: [], settings: [] }];
}

function unquote(name: string): string {
  return name.replace(/^"(.*)"$/, '$1').replaceAll('""', '"');
}
