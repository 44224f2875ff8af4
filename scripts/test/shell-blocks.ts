/** A shell block of a page of documentation. */
export interface ShellBlock {
  /** The line of its fence, from 1. */
  line: number;
  code: string;
  /** Why no test runs it; undefined for one that is run. */
  notRun?: string;
}

/**
 * Finds the shell blocks of a page. One that no test can run says why in a comment on the line before its fence:
 * `<!-- not run: it needs a domain -->`.
 * @param markdown the page's text
 */
export function findShellBlocks(markdown: string): ShellBlock[] {
  const lines = markdown.split('\n');
  const blocks: ShellBlock[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const fence = /^( *)```(bash|sh|shell|console)\b/.exec(lines[index] ?? '');
    if (!fence) continue;
    const reason = /^ *<!-- not run: (\S.*) -->$/.exec(lines[index - 1] ?? '')?.[1];
    const end = lines.indexOf(`${fence[1]}\`\`\``, index);
    if (end < 0) throw new Error(`The shell block of line ${index + 1} has no end`);
    const code = lines
      .slice(index + 1, end)
      .map((line) => line.slice(fence[1]?.length))
      .join('\n');
    blocks.push({ line: index + 1, code, ...(reason === undefined ? {} : { notRun: reason }) });
    index = end;
  }
  return blocks;
}
