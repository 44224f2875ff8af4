/** How a table is written as text. */
export type Delimiter = ',' | '\t';

/**
 * What a spreadsheet would run as a formula begins with one of these; an apostrophe in front makes it a text
 * (OWASP: CSV Injection). A leading apostrophe gets one more, so that taking one away always gives the value back.
 */
const risky = /^[=+\-@\t\r']/;
/** The same inside of a value, behind what a spreadsheet set to another separator than ours would split it at. */
const hidden = /[;,\t]"*(?='*[=+\-@])/g;

/**
 * Writes one row in the format of RFC 4180, safe to open in a spreadsheet. Tab-separated rows are quoted the same way.
 *
 * @returns the row with its line end
 */
export function formatRow(cells: readonly string[], delimiter: Delimiter): string {
  const quoted = cells.map((cell) => {
    const safe = (risky.test(cell) ? `'${cell}` : cell).replace(hidden, "$&'");
    return /["\r\n]/.test(safe) || safe.includes(delimiter) ? `"${safe.replaceAll('"', '""')}"` : safe;
  });
  return `${quoted.join(delimiter)}\r\n`;
}
