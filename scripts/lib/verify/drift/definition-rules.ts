/** Quoted names and values: nothing in them is an operator. */
const QUOTED = /'(?:[^']|'')*'|"(?:[^"]|"")*"/g;

/**
 * A definition as PostgreSQL prints it, without the parentheses around a part of a chain of AND, or of OR: (a AND b) AND c is
 * a AND b AND c. A dump that is restored has lost them; what it means is the same.
 */
export function flattenChains(definition: string): string {
  const quoted: string[] = [];
  const bare = definition.replace(QUOTED, (text) => `'${quoted.push(text) - 1}'`);
  const flat = ['AND', 'OR'].reduce(flattenChain, bare);
  return flat.replace(/'(\d+)'/g, (_whole, index: string) => quoted[Number(index)] ?? '');
}

function flattenChain(text: string, word: string): string {
  for (let at = text.indexOf('('); at >= 0; at = text.indexOf('(', at + 1)) {
    const end = findEnd(text, at);
    const inner = text.slice(at + 1, end);
    if (!isPart(text.slice(0, at), text.slice(end + 1), word) || !isChain(inner, word)) continue;
    return flattenChain(`${text.slice(0, at)}${inner}${text.slice(end + 1)}`, word);
  }
  return text;
}

/** Whether what stands between is an operand of that word alone. */
function isPart(before: string, after: string, word: string): boolean {
  const [left, right] = [before.endsWith(` ${word} `), after.startsWith(` ${word} `)];
  return (left || right) && (left || before.endsWith('(')) && (right || after.startsWith(')'));
}

/** Whether a text's operators are that word alone, but for those in parentheses. */
function isChain(text: string, word: string): boolean {
  let outside = '';
  let depth = 0;
  for (const one of text) {
    if (one === ')') depth -= 1;
    if (depth === 0) outside += one;
    if (one === '(') depth += 1;
  }
  return new RegExp(`^\\S*\\(\\)(?: ${word} \\S*\\(\\))+$`).test(outside);
}

/** The place of the parenthesis that closes the one at a place. */
function findEnd(text: string, at: number): number {
  let depth = 0;
  for (let end = at; end < text.length; end += 1) {
    if (text[end] === '(') depth += 1;
    if (text[end] === ')') depth -= 1;
    if (depth === 0) return end;
  }
  return text.length;
}
