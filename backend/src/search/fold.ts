/** Letters that no accent makes of others (as PostgreSQL's unaccent has them). */
const ligatures: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  ł: 'l',
  þ: 'th',
  ħ: 'h',
  ı: 'i',
};

/** The words of a text in order: lower case, without accents, letters and digits only. */
export function foldWords(text: string): string[] {
  const lower = text.toLowerCase();
  if (!/[^ -~]/.test(lower)) return lower.match(/[a-z0-9]+/g) ?? [];
  const plain = lower
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[ßæœøđðłþħı]/g, (letter) => ligatures[letter] ?? letter);
  return plain.match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** Letters and digits only: how symbols are compared, so that `HLA-DRB1`, `hla drb1` and `HLADRB1` are the same. */
export function compactText(text: string): string {
  return foldWords(text).join('');
}
