/**
 * The command line with which a make target starts its script; run in the repository's folder.
 * @param name of scripts/NAME.ts
 * @param node path of Node
 */
export function commandArgv(name: string, args: readonly string[] = [], node = process.execPath): string[] {
  return [node, 'scripts/launch.cjs', `scripts/${name}.ts`, ...args];
}
