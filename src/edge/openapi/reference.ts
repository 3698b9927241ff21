import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { DOCUMENT_PATHS } from './about.js';

/** The page of the API is Scalar's reference, served from here: no other host is asked for anything. */
export const SCRIPT_PATH = '/docs/reference.js';
export const START_PATH = '/docs/start.js';

export const REFERENCE_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>credit-gateway: the API</title>
<link rel="icon" href="data:,">
</head>
<body>
<noscript><p>This page needs JavaScript. The same for programs: <a href="/openapi.json">openapi.json</a>,
<a href="/openapi-legacy.json">openapi-legacy.json</a>; <a href="/docs/errors">the codes of failures</a></p></noscript>
<div id="reference"></div>
<script src="${SCRIPT_PATH}"></script>
<script src="${START_PATH}"></script>
</body>
</html>
`;

const CONFIGURATION = {
  sources: [
    { title: 'API', slug: 'v1', url: DOCUMENT_PATHS.native, default: true },
    { title: 'Legacy APIs', slug: 'legacy', url: DOCUMENT_PATHS.legacy },
  ],
  // Nothing of other hosts: no fonts, no statistics, no assistant, no editor.
  withDefaultFonts: false, telemetry: false, showDeveloperTools: 'never', hideClientButton: true,
  agent: { disabled: true }, mcp: { disabled: true },
  // What a reader enters to try a route stays in the page.
  persistAuth: false,
  documentDownloadType: 'json', operationTitleSource: 'summary',
  // Beside the sample in TypeScript, which the document has.
  hiddenClients: {
    c: true, clojure: true, csharp: true, dart: true, fsharp: true, go: true, http: true, java: true, js: true, kotlin: true, node: true,
    objc: true, ocaml: true, php: true, powershell: true, r: true, ruby: true, rust: true, swift: true,
    shell: ['wget', 'httpie'], python: ['python3', 'httpx_async', 'httpx_sync', 'aiohttp'],
  },
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
};

export const START_SCRIPT = `Scalar.createApiReference('#reference', {
  ...${JSON.stringify(CONFIGURATION)},
  baseServerURL: location.origin,
});
`;

type Script = { readonly text: Buffer; readonly gzip: Buffer; readonly etag: string };
let script: Promise<Script> | undefined;

/** Scalar's program, read once. Rejects when the package is not there. */
export function referenceScript(): Promise<Script> {
  script ??= readScript().catch((error: unknown) => {
    script = undefined;
    throw error;
  });
  return script;
}

async function readScript(): Promise<Script> {
  const text = await readFile(scriptFile());
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  return { text, gzip: await promisify(gzip)(text), etag };
}

/** The file in the package, which exports it to bundlers only. */
function scriptFile(): string {
  const [name, file] = ['@scalar/fastify-api-reference', 'dist/js/standalone.js'];
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const found = folders.map((folder) => join(folder, name, file)).find(existsSync);
  if (found === undefined) throw new Error(`${name} is not installed`);
  return found;
}
