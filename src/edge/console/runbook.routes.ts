import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../kit/paths.js';
import { allow } from '../auth/allow.js';
import { html, type Html } from '../http/html.js';
import type { AddRoute } from '../http/routes.js';
import { PageReply } from './login.routes.js';
import { markdown } from './markdown.js';
import { glanceOf } from './overview-page.js';
import type { Overview } from './overview.js';
import { sendPage } from './page.js';
import { banner } from './parts.js';

const FILE = join(projectRoot, 'docs', 'runbook.md');

/** The runbook, from docs/runbook.md: red figures lead to its sections. */
export function runbookPage(add: AddRoute, { overview, onError }: {
  readonly overview: () => Promise<Overview>;
  readonly onError: (error: unknown) => void;
}): void {
  let body: Promise<Html> | undefined;
  const read = async (): Promise<Html> => {
    try {
      return html`<div class="book">${markdown(await readFile(FILE, 'utf8'))}</div>`;
    } catch (error) {
      onError(error);
      body = undefined;
      return html`<h1>Runbook</h1>
${banner('notice', 'This installation does not have the file docs/runbook.md; see the project’s documentation.')}`;
    }
  };
  add('GET', '/console/runbook', allow('admin', 'supervisor'), {
    summary: 'What to do when something is wrong', replies: { 200: PageReply },
  }, async (ctx, { principal }) => {
    body ??= read();
    const [glance, text] = await Promise.all([overview(), body]);
    sendPage(ctx, { title: 'Runbook', viewer: principal, glance: glanceOf(glance), body: text });
  });
}
