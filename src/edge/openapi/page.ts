import { html, prose, verbatim, type Html } from '../http/html.js';
import { fieldRow, schemaTable } from './page-schema.js';
import { STYLE } from './page-style.js';
import type { OpenApi, Operation, Parameter, Response } from './types.js';

type Entry = { readonly path: string; readonly method: string; readonly operation: Operation };

/** The document as one page of HTML, with neither scripts nor anything to load: it opens and folds with `<details>`. */
export function pageOf(document: OpenApi): string {
  const entries: Entry[] = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })));
  const chapters = document.tags.map((tag) => ({ ...tag, entries: entries.filter(({ operation }) => operation.tags[0] === tag.name) }));
  const { title, version, summary, description } = document.info;
  return `<!doctype html>\n${html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} ${version}</title>
<style>${verbatim(STYLE)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<div class="page">
<nav aria-label="Routes">
<ul><li><a href="#content"><strong>${title}</strong></a></li></ul>
${document['x-tagGroups'].map((group) => html`<h2 class="group">${group.name}</h2>
${
  chapters.filter(({ name }) => group.tags.includes(name)).map(navigationOf)}`)}
</nav>
<main id="content">
<header class="intro">
<h1>${title} <small>${version}</small></h1>
<p class="lead">${summary}</p>
${description.split('\n\n').map((text) => html`<p>${prose(text)}</p>\n`)}
<p>The lines below work as they stand once you have said where the gateway is and who you are:</p>
<pre tabindex="0"><code>GATEWAY=http://localhost:3001
TOKEN=$(npm run -s token -- --sub alice --role user)   # or --sub ops --role admin</code></pre>
${Object.entries(document.components.schemas).map(([name, schema]) =>
  html`<details class="reply"><summary><code>${name}</code>: what failures look like</summary><div>${schemaTable(
    schema, `Fields of ${name}`,
  )}</div></details>
`)}
</header>
${chapters.map(({ name, description: about, entries: own }) => html`<section aria-labelledby="${slug(name)}">
<h2 id="${slug(name)}">${name}</h2>
<p>${prose(about)}</p>
${own.map(routeOf)}</section>
`)}
<footer>Made from the routes as they run. For programs: <a href="/openapi.json">openapi.json</a></footer>
</main>
</div>
</body>
</html>`.markup}\n`;
}

const slug = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

const methodBadge = (method: string): Html => html`<span class="method ${method.toLowerCase()}">${method}</span>`;

const navigationOf = ({ name, entries }: { readonly name: string; readonly entries: readonly Entry[] }): Html => html`<h3>${name}</h3>
<ul>${entries.map(({ path, method, operation }) => html`<li><a href="#${operation.operationId}">${methodBadge(method)}${path}</a></li>
`)}</ul>
`;

/** The target of a link is inside the `<details>`, because then a browser opens it by itself. */
function routeOf({ path, method, operation }: Entry): Html {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const body = requestBody?.content['application/json'];
  return html`<details class="route">
<summary>${methodBadge(method)}<code class="path">${path}</code>${gateBadge(
  operation['x-gate'],
)}${operation['x-api'] === 'legacy' ? html`<span class="gate">legacy</span>` : []}<span class="says">${summary}</span></summary>
<div class="inside" id="${operationId}">
<p>${prose(description)}</p>
${parameters.length === 0 ? [] : parameterTable(parameters)}
${body === undefined ? [] : html`<h3>Body</h3>${schemaTable(body.schema, `Body of ${method} ${path}`)}`}
<h3>Example</h3>
<pre tabindex="0"><code>${curlOf(path, method, operation)}</code></pre>
<h3>Answers</h3>
${Object.entries(responses).map(([status, response]) => replyOf(status, response))}
</div>
</details>
`;
}

const GATES: Readonly<Record<string, string>> = { public: 'anyone', authenticated: 'any user' };

const gateBadge = (gate: string): Html => html`<span class="gate${gate in GATES ? '' : ' roles'}">${GATES[gate] ?? gate}</span>`;

const parameterTable = (parameters: readonly Parameter[]): Html => html`<h3>Parameters</h3><div class="scroll"><table>
<caption>Parameters</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Notes</th></tr></thead>
<tbody>${parameters.map((each) => fieldRow(
  each.in === 'path' ? `{${each.name}}` : `${each.in === 'query' ? '?' : ''}${each.name}`, each.schema, each.required,
))}</tbody></table></div>`;

function replyOf(status: string, { description, headers, content = {} }: Response): Html {
  const [[mediaType, media] = []] = Object.entries(content);
  const own = Object.entries(headers).filter(([name]) => name !== 'X-Request-Id');
  return html`<details class="reply">
<summary><span class="status ${Number(status) < 400 ? 'good' : 'bad'}">${status}</span>${prose(description)}</summary>
<div>
${own.map(([name, { description: about }]) => html`<p>Header <code>${name}</code>: ${prose(about)}</p>`)}
${media === undefined
  ? html`<p>Without a body.</p>`
  : html`<p><code>${mediaType ?? ''}</code></p>${schemaTable(media.schema, `Answer ${status}`)}`}
${Object.values(media?.examples ?? {}).map(({ value }) => html`<pre tabindex="0"><code>${JSON.stringify(value)}</code></pre>`)}
</div>
</details>
`;
}

/** A line for a shell. Only what must be sent is sent; the key that makes a repeat safe is shown too. */
function curlOf(path: string, method: string, { parameters, requestBody, security }: Operation): string {
  const parts = parameters.filter(({ required, name }) => required || name === 'Idempotency-Key');
  const named = (where: Parameter['in']): [string, string][] =>
    parts.filter((each) => each.in === where).map(({ name, example }) => [name, String(example)]);
  const target = named('path').reduce((text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(value)), path);
  const query = new URLSearchParams(named('query')).toString();
  const example = requestBody?.content['application/json']?.example;
  return [
    `curl -s${method === 'GET' || (method === 'POST' && example !== undefined)
      ? ''
      : ` -X ${method}`} "$GATEWAY${target}${query === '' ? '' : `?${query}`}"`,
    ...security.flatMap((scheme) =>
      ('serverKey' in scheme ? ['-H "x-server-api-key: $SERVER_KEY"'] : ['-H "Authorization: Bearer $TOKEN"'])),
    ...named('header').map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
    ...(example === undefined ? [] : [`-H 'Content-Type: application/json'`, `-d ${quote(JSON.stringify(example))}`]),
  ].join(' \\\n  ');
}

const quote = (text: string): string => `'${text.replaceAll(`'`, `'\\''`)}'`;
