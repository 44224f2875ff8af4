const BEGIN = '# Rate limit of the kidney-genetics deployment: begin';
const END = '# Rate limit of the kidney-genetics deployment: end';
const OWN_BLOCK = new RegExp(`${BEGIN}\\n[\\s\\S]*?${END}[^\\S\\n]*\\n?`, 'g');
const OWN_MARK = new RegExp(`^(?:${BEGIN}|${END})[^\\S\\n]*\\n?`, 'gm');

/** Requests a second and at once from one address: first visits of a dozen people behind one address pass. */
export const RATE = { perSecond: 50, burst: 200 } as const;

/** A statement of an nginx configuration, as text and as a place in it. */
interface Statement {
  text: string;
  start: number;
  /** After its semicolon. */
  end: number;
}

/** The name of the zone that counts a stack's requests. */
export function zoneName(prefix: string): string {
  return prefix.replaceAll('-', '_');
}

/** The line that the http block of NPM's nginx needs; a server block, which is all that the API reaches, cannot hold it. */
export function zoneLine(zone: string): string {
  return `limit_req_zone $binary_remote_addr zone=${zone}:4m rate=${RATE.perSecond}r/s;`;
}

/**
 * Puts the rate limit into a host's advanced configuration, or takes it out; what an operator wrote there stays, and is not
 * said a second time, which nginx refuses (`"limit_req_status" directive is duplicate`).
 * @param current the advanced configuration as it is
 * @param zone null for no limit
 */
export function withRateLimit(current: string, zone: string | null): string {
  const own = current.replace(OWN_BLOCK, '').replace(OWN_MARK, '').trim();
  if (zone === null) return own;
  // A limit of the same zone that was typed by hand would be a second one.
  const others = drop(own, new RegExp(`^limit_req\\s(?:.*\\s)?zone=${zone}(?:\\s|$)`, 's')).trim();
  const said = listStatements(others).map(({ text }) => text.split(/\s/)[0] ?? '');
  const limit = [`limit_req zone=${zone} burst=${RATE.burst} nodelay;`];
  if (!said.includes('limit_req_status')) limit.push('limit_req_status 429;');
  // NPM believes X-Real-IP of every private address: of a LAN's or a VPN's clients too. This takes the place of its list.
  if (!said.some((name) => name === 'set_real_ip_from' || name === 'real_ip_header'))
    limit.push('set_real_ip_from unix:;');
  return [...(others ? [others, ''] : []), BEGIN, ...limit, END].join('\n');
}

/** Takes statements out, each with the rest of its line where nothing else is on it. */
function drop(text: string, pattern: RegExp): string {
  return listStatements(text)
    .filter((statement) => pattern.test(statement.text))
    .reduceRight((rest, { start, end }) => {
      const tail = rest.slice(end).replace(/^[^\S\n]*\n?/, '');
      return rest.slice(0, start) + tail;
    }, text);
}

/** The statements of the server block itself: not those in comments, and not those in blocks of their own, such as a location. */
export function listStatements(config: string): Statement[] {
  // Comments, quoted texts, ${variables}, escapes, what ends or nests a statement, and words.
  const tokens = config.matchAll(
    /#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[;{}]|(?:\\.|\$\{|(?<=\$\{\w*)\}|[^\s;{}])+/gs,
  );
  const found: Statement[] = [];
  let depth = 0;
  let start: number | undefined;
  for (const { 0: token, index } of tokens) {
    if (token.startsWith('#') && !isInWord(config, index)) continue;
    if (token === '{') depth += 1;
    else if (token === '}') depth = Math.max(0, depth - 1);
    else if (token !== ';') {
      start ??= depth === 0 ? index : undefined;
      continue;
    } else if (depth === 0 && start !== undefined)
      found.push({ text: config.slice(start, index), start, end: index + 1 });
    start = undefined;
  }
  return found;
}

/** A number sign within a word begins no comment. */
function isInWord(config: string, index: number): boolean {
  return index > 0 && !/[\s;{}]/.test(config[index - 1] ?? '');
}
