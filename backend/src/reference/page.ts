import { problemKinds } from '../lib/problem.ts';
import { type Html, html } from './html.ts';

/** What the page shows of an OpenAPI description. */
export interface Description {
  info: { title: string; version: string; description?: string };
  tags?: { name: string; description?: string }[];
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

interface Operation {
  operationId?: string;
  tags?: string[];
  summary?: string;
  description?: string;
  security?: unknown[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: Schema }[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: Schema }> }>;
}

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  description?: string;
  pattern?: string;
  format?: string;
  default?: unknown;
  examples?: unknown[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

const methods = ['get', 'post', 'put', 'patch', 'delete'];

/**
 * Writes the reference page: the whole OpenAPI description as plain HTML, with neither scripts nor inline styles, so that
 * the strictest Content-Security-Policy leaves it whole.
 *
 * @param api the description
 * @param addresses where the style sheet and the description itself are
 */
export function renderReference(
  api: Description,
  addresses: { styles: string; description: string },
): string {
  const operations = Object.entries(api.paths ?? {}).flatMap(([path, item]) =>
    methods.flatMap((method) => (item[method] ? [{ path, method, operation: item[method] }] : [])),
  );
  const sections = (api.tags ?? []).map((tag) => ({
    ...tag,
    operations: operations.filter(({ operation }) => operation.tags?.includes(tag.name)),
  }));
  const schemas = Object.entries(api.components?.schemas ?? {});
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API of ${api.info.title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${addresses.styles}">
</head>
<body>
<header>
<h1>API of ${api.info.title}</h1>
<p>Version ${api.info.version} · <a href="${addresses.description}">OpenAPI 3.1 description</a> · <a href="/">Application</a></p>
</header>
<nav aria-label="Contents"><ul>
${sections.map(
  (section) =>
    html`<li>${section.name}<ul>${section.operations.map(
      ({ operation, path, method }) =>
        html`<li><a href="#${operation.operationId ?? ''}"><code>${method.toUpperCase()}</code> ${path}</a></li>`,
    )}</ul></li>`,
)}
<li><a href="#schemas">Schemas</a></li>
<li><a href="#problems">Problems</a></li>
</ul></nav>
<main>
${(api.info.description ?? '').split('\n\n').map((text) => html`<p>${renderText(text)}</p>`)}
${sections.map(
  (section) => html`<section aria-label="${section.name}">
<h2>${section.name}</h2>
<p>${renderText(section.description ?? '')}</p>
${section.operations.map(({ path, method, operation }) => renderOperation(path, method, operation))}
</section>`,
)}
<section aria-labelledby="schemas">
<h2 id="schemas">Schemas</h2>
${schemas.map(
  ([name, schema]) => html`<h3 id="schema-${name}">${name}</h3>
<p>${renderText(schema.description ?? '')}</p>
${renderFields(schema, name)}`,
)}
</section>
<section aria-labelledby="problems">
<h2 id="problems">Problems</h2>
<dl>
${Object.entries(problemKinds).map(
  ([kind, { status, title, text }]) =>
    html`<dt id="${kind}">${status} ${title} <code>${kind}</code></dt><dd>${renderText(text)}</dd>\n`,
)}
</dl>
</section>
</main>
</body>
</html>
`.text;
}

function renderOperation(path: string, method: string, operation: Operation): Html {
  const { parameters = [], requestBody, responses = {}, security = [] } = operation;
  const body = Object.values(requestBody?.content ?? {})[0]?.schema;
  return html`<article>
<h3 id="${operation.operationId ?? ''}"><code class="method">${method.toUpperCase()}</code> <code>${path}</code></h3>
<p>${operation.summary ?? ''}.${security.length > 0 ? html` <strong>Needs a bearer token.</strong>` : ''}</p>
<p>${renderText(operation.description ?? '')}</p>
${parameters.length > 0 ? renderParameters(parameters, `${method.toUpperCase()} ${path}`) : ''}
${body ? html`<h4>Body</h4>${renderFields(body, `the body of ${method.toUpperCase()} ${path}`)}` : ''}
<h4>Answers</h4>
<ul>
${Object.entries(responses).map(
  ([status, { content = {} }]) =>
    html`<li><code>${status}</code> ${Object.entries(content).map(
      ([mediaType, { schema }], index) =>
        html`${index > 0 ? ', ' : ''}${mediaType}${schema ? html`: ${renderType(schema)}` : ''}`,
    )}</li>\n`,
)}
</ul>
</article>`;
}

function renderParameters(parameters: NonNullable<Operation['parameters']>, of: string): Html {
  return html`<h4>Parameters</h4>
<div class="table" role="region" tabindex="0" aria-label="Parameters of ${of}"><table>
<thead><tr><th scope="col">Name</th><th scope="col">In</th><th scope="col">Value</th><th scope="col">Meaning</th></tr></thead>
<tbody>
${parameters.map(
  ({ name, in: place, required, description, schema = {} }) =>
    html`<tr><th scope="row"><code>${name}</code>${required ? ' (required)' : ''}</th><td>${place}</td><td>${renderType(
      schema,
    )}</td><td>${renderText(description ?? schema.description ?? '')}</td></tr>\n`,
)}
</tbody></table></div>`;
}

function renderFields(schema: Schema, of: string): Html {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return html`<p>${renderType(schema)}</p>`;
  return html`<div class="table" role="region" tabindex="0" aria-label="Fields of ${of}"><table>
<thead><tr><th scope="col">Field</th><th scope="col">Value</th><th scope="col">Meaning</th></tr></thead>
<tbody>
${fields.map(
  ([name, field]) =>
    html`<tr><th scope="row"><code>${name}</code>${schema.required?.includes(name) ? '' : ' (optional)'}</th><td>${renderType(
      field,
    )}</td><td>${renderText(field.description ?? '')}</td></tr>\n`,
)}
</tbody></table></div>`;
}

function renderType(schema: Schema): Html {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.anyOf)
    return html`${schema.anyOf.map((option, index) => html`${index > 0 ? ' or ' : ''}${renderType(option)}`)}`;
  if (schema.enum)
    return html`${schema.enum.map((value, index) => html`${index > 0 ? ', ' : ''}<code>${String(value)}</code>`)}`;
  if (schema.const !== undefined) return html`<code>${String(schema.const)}</code>`;
  if (schema.type === 'array') return html`list of ${renderType(schema.items ?? {})}${renderLimits(schema)}`;
  if (schema.properties) {
    return html`object (${Object.entries(schema.properties).map(
      ([name, field], index) => html`${index > 0 ? '; ' : ''}<code>${name}</code>: ${renderType(field)}`,
    )})`;
  }
  return html`${[schema.type ?? 'any'].flat().join(' or ')}${renderLimits(schema)}`;
}

function renderLimits(schema: Schema): Html {
  const limits = [
    schema.minimum !== undefined && `from ${schema.minimum}`,
    schema.maximum !== undefined && `to ${schema.maximum}`,
    schema.maxLength !== undefined && `at most ${schema.maxLength} characters`,
    schema.maxItems !== undefined && `at most ${schema.maxItems}`,
    schema.format,
    schema.default !== undefined && `default ${JSON.stringify(schema.default)}`,
    schema.examples && `such as ${schema.examples.map(String).join(', ')}`,
  ].filter((limit) => typeof limit === 'string');
  return html`${limits.length > 0 ? `, ${limits.join(', ')}` : ''}`;
}

/** Text with code between backticks. */
function renderText(text: string): Html {
  return html`${text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`;
}
