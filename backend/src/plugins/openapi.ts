import swagger from '@fastify/swagger';
import plugin from 'fastify-plugin';
import type { Env } from '../env.ts';

const description = `Genes of hereditary kidney disease: search, export, and what changed.

Times are in UTC (RFC 3339). Answers carry a strong ETag that changes with the data: send it back in If-None-Match to get
304 while nothing has changed. Errors are problem documents (RFC 9457) with the request's id.

Changes are pushed over the WebSocket at /ws/genes. The server says \`hello\` with the number of the newest change, then
\`change\` for each further one, and \`resync\` when so much changed that all should be read anew; a client that comes back
sends \`{"type":"resume","since":NUMBER}\` to get what it missed. It comes back, with growing pauses, after any close.`;

/** Writes the OpenAPI 3.1 description from the schemas that check requests and write answers. */
export const openapi = plugin<{ env: Env }>(
  async (app, { env }) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: { title: env.projectName, version: env.version, description },
        servers: [{ url: '/' }],
        tags: [
          { name: 'Genes', description: 'Find, read and edit genes.' },
          { name: 'Overview', description: 'Groups, numbers, changes.' },
          { name: 'Status', description: 'Health of the server.' },
        ],
        components: {
          securitySchemes: {
            bearer: {
              type: 'http',
              scheme: 'bearer',
              bearerFormat: 'JWT',
              description:
                'HS256, signed with SECRET_KEY; claims `sub`, `exp`, and `scope` with `genes:write`.',
            },
          },
        },
      },
      refResolver: {
        buildLocalReference: (json, _baseUri, _fragment, index) =>
          typeof json.$id === 'string' ? json.$id : `schema${index}`,
      },
    });
  },
  { name: 'openapi' },
);
