/** The images that are built, by the short names of their services. */
export const IMAGES = ['postgres', 'backend', 'frontend'] as const;
export type ImageName = (typeof IMAGES)[number];

export interface BuildFacts {
  prefix: string;
  version: string;
  revision: string;
  /** The base of each image's final stage. */
  bases: Record<ImageName, string>;
  /** The base that the builder stages run on. */
  nodeBase: string;
  viteApiBaseUrl: string;
  viteWsUrl: string;
  noCache: boolean;
  /** Path of the host's CA bundle, for hosts behind a TLS-inspecting proxy. */
  caBundle?: string;
  /** Path of the user's .npmrc, for hosts with a registry of their own. */
  npmrc?: string;
}

/**
 * The command line that builds an image; the CA bundle and .npmrc go as BuildKit secrets, into no layer.
 */
export function buildArgv(image: ImageName, facts: BuildFacts): string[] {
  const name = `${facts.prefix}-${image}`;
  return [
    'docker',
    'build',
    '--file',
    `deploy/${image}.Dockerfile`,
    '--tag',
    `${name}:latest`,
    '--tag',
    `${name}:${facts.version}-${facts.revision}`,
    ...buildArguments(image, facts).flatMap((argument) => ['--build-arg', argument]),
    ...(facts.noCache ? ['--no-cache'] : []),
    ...(facts.caBundle ? ['--secret', `id=ca,src=${facts.caBundle}`] : []),
    ...(facts.npmrc ? ['--secret', `id=npmrc,src=${facts.npmrc}`] : []),
    '.',
  ];
}

function buildArguments(image: ImageName, facts: BuildFacts): string[] {
  const common = [`APP_VERSION=${facts.version}`, `APP_REVISION=${facts.revision}`];
  if (image === 'postgres') return [...common, `POSTGRES_BASE=${facts.bases.postgres}`];
  if (image === 'backend') return [...common, `NODE_BASE=${facts.nodeBase}`];
  return [
    ...common,
    `NODE_BASE=${facts.nodeBase}`,
    `NGINX_BASE=${facts.bases.frontend}`,
    `VITE_API_BASE_URL=${facts.viteApiBaseUrl}`,
    `VITE_WS_URL=${facts.viteWsUrl}`,
  ];
}
