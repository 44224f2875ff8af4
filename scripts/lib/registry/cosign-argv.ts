/** https://docs.sigstore.dev/cosign/: without a transparency log, so that it works where nothing outside is reached. */
const OFFLINE = ['--tlog-upload=false', '--yes'];

/** How to reach the registry: a file with the certificate of its authority, where it has one of its own. */
export interface Reach {
  caFile?: string;
}

/** The command line that signs an image. @param reference with a digest, never a tag @param key a path, or env://NAME */
export function signArgv(reference: string, key: string, reach: Reach): string[] {
  return ['cosign', 'sign', '--key', key, ...OFFLINE, ...caArgs(reach), reference];
}

/** The command line that attaches a signed statement to an image. @param type cyclonedx for an SBOM, else custom */
export function attestArgv(
  reference: string,
  key: string,
  type: 'cyclonedx' | 'custom',
  predicate: string,
  reach: Reach,
): string[] {
  const what = ['--type', type, '--predicate', predicate];
  return ['cosign', 'attest', '--key', key, ...OFFLINE, ...what, ...caArgs(reach), reference];
}

/** The command line that checks an image's signature. @param publicKey its file */
export function verifyArgv(reference: string, publicKey: string, reach: Reach): string[] {
  return ['cosign', 'verify', '--key', publicKey, '--insecure-ignore-tlog=true', ...caArgs(reach), reference];
}

function caArgs({ caFile }: Reach): string[] {
  return caFile ? ['--registry-cacert', caFile] : [];
}
