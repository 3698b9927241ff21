import { httpStatus } from '../../kit/errors.js';
import { html, prose, verbatim } from '../http/html.js';
import { PROBLEM_TYPE, PROBLEMS } from '../http/problem.js';
import { STYLE } from './page-style.js';

/** The page that the `type` of a problem names: every code of `/v1` with its status and what to do about it. */
export function errorsPage(): string {
  const kinds = Object.entries(PROBLEMS).map(([name, kind]) => ({
    ...kind, status: name === 'internal' ? 500 : httpStatus[name as keyof typeof httpStatus],
  })).sort((a, b) => a.status - b.status);
  return `<!doctype html>\n${html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Errors of /v1</title>
<style>${verbatim(STYLE)}</style>
</head>
<body>
<main id="content">
<h1>Errors of /v1</h1>
<p>A failure is answered as <code>${PROBLEM_TYPE}</code> (RFC 9457). Branch on <code>code</code>; this is the whole list.
<a href="/docs">The API</a></p>
${kinds.map(({ code, title, meaning, status }) => html`<section id="${code}">
<h2><code>${code}</code> <small>${status}</small></h2>
<p><strong>${title}.</strong> ${prose(meaning)}.</p>
</section>
`)}
</main>
</body>
</html>`.markup}\n`;
}
