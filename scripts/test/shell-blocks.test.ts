import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findShellBlocks } from './shell-blocks.ts';

describe('shell blocks of a page', () => {
  it('are found with their lines, indented ones too, and other blocks are left alone', () => {
    const page =
      'Text\n\n```bash\nmake\n```\n\n- item\n\n  ```sh\n  one\n    two\n  ```\n\n```text\nno\n```\n';
    assert.deepEqual(findShellBlocks(page), [
      { line: 3, code: 'make' },
      { line: 9, code: 'one\n  two' },
    ]);
  });

  it('say why they are not run on the line before, and only there', () => {
    const page =
      '<!-- not run: needs a domain -->\n```bash\na\n```\n<!-- not run: far -->\n\n```bash\nb\n```\n';
    assert.deepEqual(findShellBlocks(page), [
      { line: 2, code: 'a', notRun: 'needs a domain' },
      { line: 7, code: 'b' },
    ]);
  });

  it('have to end', () => {
    assert.throws(() => findShellBlocks('```bash\nmake\n'), /line 1 has no end/);
  });
});
