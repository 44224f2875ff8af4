import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { problemKinds } from '../../src/lib/problem.ts';
import { startApi, type TestApi } from '../support/api.ts';

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; required: boolean }[];
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

type Description = {
  openapi: string;
  info: { title: string };
  paths: Record<string, Record<string, Operation>>;
};

describe('the description of the API', () => {
  let api: TestApi;
  let description: Description;
  before(async () => {
    api = await startApi('openapi', { PROJECT_NAME: 'Genes & <Kidneys>' });
    description = await api.json('/api/openapi.json');
  });
  after(() => api?.close());

  it('and the page have the name of the settings', async () => {
    assert.equal(description.info.title, 'Genes & <Kidneys>');
    assert.deepEqual(await api.json('/site'), { name: 'Genes & <Kidneys>' });
  });

  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(description));
    assert.ok(valid, JSON.stringify(errors));
    assert.equal(validator.version, '3.1');
  });

  it('names every address there is, each operation once', async () => {
    const operations = Object.entries(description.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, { operationId }]) => [operationId, `${method} ${path}`]),
    );
    assert.deepEqual(Object.fromEntries(operations), {
      getHealth: 'get /api/health',
      getLiveness: 'get /api/health/live',
      listGenes: 'get /api/v1/genes',
      exportGenes: 'get /api/v1/genes/export',
      getGene: 'get /api/v1/genes/{gene}',
      editGene: 'patch /api/v1/genes/{gene}',
      listDiseaseGroups: 'get /api/v1/disease-groups',
      getStatistics: 'get /api/v1/statistics',
      listChanges: 'get /api/v1/changes',
      getMeta: 'get /api/v1/meta',
      getSite: 'get /api/v1/site',
    });
  });

  it('asks for no parameter that has a default', () => {
    const needed = Object.values(description.paths).flatMap((item) =>
      Object.values(item).flatMap(({ parameters = [] }) => parameters.filter(({ required }) => required)),
    );
    assert.deepEqual(
      [...new Set(needed.map((parameter) => `${parameter.in} ${parameter.name}`))],
      ['path gene'],
    );
  });

  it('agrees with what the API answers, problems included', async () => {
    await api.edit('PKD1', { evidence: 'strong', aliases: ['PBP'] });
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(description, 'openapi.json');
    const requests: [path: string, address: string, status: number][] = [
      ['/api/health', '/api/health', 200],
      ['/api/health/live', '/api/health/live', 200],
      ['/api/v1/genes', '/genes?q=alport&pageSize=3&page=2', 200],
      ['/api/v1/genes', '/genes?pageSize=0&colour=red', 400],
      ['/api/v1/genes/export', '/genes/export?format=xml', 400],
      ['/api/v1/genes/{gene}', '/genes/PKD1', 200],
      ['/api/v1/genes/{gene}', '/genes/NOSUCHGENE', 404],
      ['/api/v1/disease-groups', '/disease-groups', 200],
      ['/api/v1/statistics', '/statistics', 200],
      ['/api/v1/changes', '/changes?since=1&limit=3', 200],
      ['/api/v1/meta', '/meta', 200],
      ['/api/v1/site', '/site', 200],
    ];
    for (const [path, address, status] of requests) {
      const response = await api.get(address);
      assert.equal(response.status, status, address);
      const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
      const content = description.paths[path]?.get?.responses[status]?.content ?? {};
      const described = Object.keys(content).find((name) => name.split(';')[0] === type);
      assert.ok(described, `${path} ${status} is described as ${Object.keys(content)}, and is ${type}`);
      const pointer = ['paths', path, 'get', 'responses', String(status), 'content', described, 'schema'];
      const escaped = pointer.map((part) =>
        encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
      );
      const validate = ajv.compile({ $ref: `openapi.json#/${escaped.join('/')}` });
      assert.ok(validate(await response.json()), `${address}: ${ajv.errorsText(validate.errors)}`);
    }
  });

  it('describes the files of the export as they are', async () => {
    const content = description.paths['/api/v1/genes/export']?.get?.responses[200]?.content ?? {};
    for (const format of ['csv', 'tsv', 'json']) {
      const response = await api.get(`/genes/export?format=${format}&group=tumour`);
      assert.ok(Object.keys(content).includes(response.headers.get('content-type') ?? ''), format);
      await response.text();
    }
  });
});

describe('the reference page', () => {
  let api: TestApi;
  let page: string;
  before(async () => {
    api = await startApi('reference', { PROJECT_NAME: 'Genes & <Kidneys>' });
    page = await (await api.get('/api/docs')).text();
  });
  after(() => api?.close());

  it('brings nothing from elsewhere, runs nothing, and passes the strictest policy', async () => {
    const addresses = [...page.matchAll(/(?:href|src|action)="([^"]*)"/g)].map(([, address = '']) => address);
    for (const address of addresses) assert.match(address, /^(\/(?!\/)|#|data:,$)/, address);
    assert.doesNotMatch(page, /<script|<style|style=|\son\w+=|url\(|@import/i);
    const styles = await api.get('/api/docs/reference.css');
    assert.equal(styles.headers.get('content-type'), 'text/css; charset=utf-8');
    assert.doesNotMatch(await styles.text(), /url\(|@import|https?:/);
  });

  it('shows every operation, parameter and problem, and its links lead somewhere', async () => {
    const description: Description = await api.json('/api/openapi.json');
    const ids = [...page.matchAll(/id="([^"]*)"/g)].map(([, id]) => id);
    for (const item of Object.values(description.paths))
      for (const { operationId, parameters = [] } of Object.values(item)) {
        assert.ok(ids.includes(operationId), operationId);
        for (const { name } of parameters) assert.ok(page.includes(`<code>${name}</code>`), name);
      }
    for (const kind of Object.keys(problemKinds)) assert.ok(ids.includes(kind), kind);
    for (const [, target] of page.matchAll(/href="#([^"]*)"/g)) assert.ok(ids.includes(target), target);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('escapes what settings put into it', () => {
    assert.match(page, /<title>API of Genes &amp; &lt;Kidneys&gt;<\/title>/);
  });
});
