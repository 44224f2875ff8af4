import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { DescribedError, Exit } from '../process/errors.ts';

/**
 * Asks on the terminal.
 * @param question without a colon
 * @param hidden what is typed is not shown
 * @param hint how to answer where there is no terminal
 * @throws DescribedError (exit 2) where there is none
 */
export async function ask(question: string, hidden: boolean, hint: string): Promise<string> {
  if (!process.stdin.isTTY) throw new DescribedError(`${question} is not given`, hint, Exit.usage);
  process.stderr.write(`${question}: `);
  // readline echoes to its output: one that keeps nothing hides what is typed.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: process.stdin,
    output: hidden ? nowhere : process.stderr,
    terminal: true,
  });
  return new Promise((resolve, reject) => {
    lines.on('line', (answer) => {
      resolve(answer.trim());
      lines.close();
    });
    // In raw mode Ctrl-C is a key and no signal; a real one would come too late, when nothing is left to wait for.
    lines.on('SIGINT', () => {
      lines.removeAllListeners('close');
      lines.close();
      process.emit('SIGINT', 'SIGINT');
    });
    lines.on('close', () => {
      if (hidden) process.stderr.write('\n');
      reject(new DescribedError(`${question} is not given`, hint, Exit.usage));
    });
  });
}
