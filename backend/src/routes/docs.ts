import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { matchesEtag } from '../lib/etag.ts';
import { type Description, renderReference } from '../reference/page.ts';
import { resourceUrl } from '../resources.ts';

interface Document {
  body: Buffer;
  type: string;
  etag: string;
}

const paths = {
  description: '/api/openapi.json',
  page: '/api/docs',
  styles: '/api/docs/reference.css',
} as const;

/** The API's description for programs (OpenAPI 3.1) and for people. Neither needs the database. */
export const docsRoutes: FastifyPluginAsync = async (app) => {
  const styles = await readFile(resourceUrl('assets/reference.css'));
  const documents = new Map<string, Document>();

  app.addHook('onReady', async () => {
    const description = app.swagger();
    documents.set(
      paths.description,
      makeDocument(JSON.stringify(description), 'application/json; charset=utf-8'),
    );
    documents.set(
      paths.page,
      makeDocument(renderReference(description as Description, paths), 'text/html; charset=utf-8'),
    );
    documents.set(paths.styles, makeDocument(styles, 'text/css; charset=utf-8'));
  });

  const send = async (request: FastifyRequest, reply: FastifyReply) => {
    const document = documents.get(request.routeOptions.url ?? '');
    if (document === undefined) return reply.callNotFound();
    reply.headers({ etag: document.etag, 'cache-control': 'public, no-cache' });
    const known = request.headers['if-none-match'];
    if (known !== undefined && matchesEtag(known, document.etag)) return reply.code(304).send();
    return reply.type(document.type).send(document.body);
  };
  for (const path of Object.values(paths)) app.get(path, { schema: { hide: true } }, send);
};

function makeDocument(content: string | Buffer, type: string): Document {
  const body = Buffer.from(content);
  return { body, type, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
}
