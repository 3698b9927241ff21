import { html, type Html } from '../http/html.js';

/**
 * The Markdown that docs/runbook.md uses: headings, paragraphs, lists, tables, code blocks; inside of them code, strong, emphasis and
 * links. Headings have the anchors that GitHub gives them.
 */
export function markdown(text: string): Html {
  const blocks = text.split(/\n{2,}/).map((block) => block.replace(/^\n+|\s+$/g, '')).filter((block) => block !== '');
  return html`${blocks.map(blockOf)}`;
}

export const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

function blockOf(block: string): Html {
  const [, marks = '', title = ''] = /^(#{1,3}) ([^\n]*)$/.exec(block) ?? [];
  if (marks === '#') return html`<h1>${inline(title)}</h1>\n`;
  if (marks === '##') return html`<h2 id="${anchorOf(title)}">${inline(title)}</h2>\n`;
  if (marks === '###') return html`<h3 id="${anchorOf(title)}">${inline(title)}</h3>\n`;
  const lines = block.split('\n');
  if (block.startsWith('```')) return html`<pre class="panel" tabindex="0"><code>${lines.slice(1, -1).join('\n')}</code></pre>\n`;
  if (lines.every((line) => line.startsWith('|'))) return tableOf(lines);
  if (/^(?:-|\d+\.) /.test(block)) {
    const items = itemsOf(lines).map((item) => html`<li>${inline(item)}</li>`);
    return block.startsWith('-') ? html`<ul>${items}</ul>\n` : html`<ol>${items}</ol>\n`;
  }
  return html`<p>${inline(lines.join(' '))}</p>\n`;
}

/** An item goes on in the lines that are indented. */
function itemsOf(lines: readonly string[]): string[] {
  const items: string[] = [];
  for (const line of lines) {
    const begun = /^(?:-|\d+\.) (.*)$/.exec(line)?.[1];
    if (begun === undefined) items.push(`${items.pop() ?? ''} ${line.trim()}`);
    else items.push(begun);
  }
  return items;
}

function tableOf([head = '', , ...rows]: readonly string[]): Html {
  const cells = (line: string): string[] => line.replace(/^\||\|$/g, '').split('|').map((cell) => cell.trim());
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>
<thead><tr>${cells(head).map((cell) => html`<th scope="col">${inline(cell)}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${cells(row).map((cell) => html`<td>${inline(cell)}</td>`)}</tr>`)}</tbody></table></div>
`;
}

const INLINE = /(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*|\[[^\]]+\]\([^)\s]+\))/;

function inline(text: string): Html[] {
  return text.split(INLINE).map((piece) => {
    if (/^`[^`]+`$/.test(piece)) return html`<code>${piece.slice(1, -1)}</code>`;
    if (/^\*\*[^*]+\*\*$/.test(piece)) return html`<strong>${piece.slice(2, -2)}</strong>`;
    if (/^\*[^*]+\*$/.test(piece)) return html`<em>${piece.slice(1, -1)}</em>`;
    const [, label, target] = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(piece) ?? [];
    if (label === undefined || target === undefined) return html`${piece}`;
    // Other documents are not served here: their names remain.
    return /^(?:#|https:)/.test(target) ? html`<a href="${target}">${label}</a>` : html`${label} (<code>${target}</code>)`;
  });
}
