export const RUNBOOK_SOURCE = 'docs/runbook.md';
/** What `npm run dashboards` makes of it. */
export const RUNBOOK_PAGE = 'grafana/runbook/index.html';

/**
 * docs/runbook.md as one page of HTML that Grafana can serve: the part of Markdown that the runbook uses, which is headings,
 * paragraphs, lists, tables, blocks of code, and inside of lines `code`, **strong** and links.
 */
export function runbookPage(markdown: string): string {
  const blocks = markdown.replaceAll('\r', '').split(/\n{2,}(?=\S)/).map(blockOf);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Runbook</title>
<style>${STYLE}</style>
</head>
<body>
${blocks.join('\n')}
</body>
</html>
`;
}

const STYLE = `:root { color-scheme: light dark; } body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.55 system-ui, sans-serif; }
:target { background: Mark; color: MarkText; } pre { overflow-x: auto; padding: .8rem; border: 1px solid; } code { font-size: .9em; }
table { border-collapse: collapse; } th, td { border: 1px solid; padding: .3rem .6rem; text-align: left; vertical-align: top; }`;

/** As GitHub makes the anchor of a heading. */
export const anchorOfHeading = (text: string): string =>
  text.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').trim().replaceAll(' ', '-');

function blockOf(text: string): string {
  const heading = /^(#{1,4}) (.+)$/.exec(text.trim());
  if (heading !== null) {
    const [, marks = '', title = ''] = heading;
    return `<h${marks.length} id="${anchorOfHeading(title)}">${inline(title)}</h${marks.length}>`;
  }
  if (text.startsWith('```')) return `<pre><code>${escaped(text.replace(/^```.*\n/, '').replace(/\n?```\s*$/, ''))}</code></pre>`;
  if (text.startsWith('|')) return tableOf(text.trim().split('\n'));
  if (/^(- |\d+\. )/.test(text)) return listOf(text);
  return `<p>${inline(text.trim())}</p>`;
}

function listOf(text: string): string {
  const tag = text.startsWith('-') ? 'ul' : 'ol';
  const items = text.trim().split(/\n(?=- |\d+\. )/).map((item) => `<li>${inline(item.replace(/^(- |\d+\. )/, ''))}</li>`);
  return `<${tag}>\n${items.join('\n')}\n</${tag}>`;
}

function tableOf([head = '', , ...rows]: readonly string[]): string {
  const cells = (row: string, tag: string): string =>
    `<tr>${row.replace(/^\||\|$/g, '').split('|').map((cell) => `<${tag}>${inline(cell.trim())}</${tag}>`).join('')}</tr>`;
  return `<table>\n${cells(head, 'th')}\n${rows.map((row) => cells(row, 'td')).join('\n')}\n</table>`;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const inline = (text: string): string => text.split(/(`[^`]+`)/).map((piece) => {
  if (piece.startsWith('`')) return `<code>${escaped(piece.slice(1, -1))}</code>`;
  return escaped(piece)
    .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    // Links to other documents of the repository lead nowhere here: their text stays.
    .replaceAll(/\[([^\]]+)\]\(([^)]+)\)/g, (_, name: string, target: string) => (target.startsWith('#') ? `<a href="${target}">${name}</a>` : name));
}).join('');
