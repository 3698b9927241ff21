import { expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';

/** Every document that code or a page cites is in the repository, and so is the section. */

/** It checks runbook links with pages that it makes up. */
const MADE_UP = ['test/grafana/alerts.test.ts'];

type Text = { readonly path: string; readonly text: string };

const FOLDERS = ['src', 'lua', 'test', 'bench', 'examples', 'scripts', 'grafana/src', 'deploy', 'docs', 'clients/typescript/src'];
const TOP = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'clients/typescript/README.md', 'docker-compose.yml', 'Dockerfile', 'knexfile.ts'];
const KINDS = /\.(ts|mjs|lua|md|yml|yaml|sh|py|acl|conf|sql)$/;
/** Released migrations stay as they are: what they wrote into tables names its source in the words of their time. */
const RELEASED = /migrations\/000\d_/;

const textOf = (path: string): Text => ({ path, text: readFileSync(join(projectRoot, path), 'utf8') });
const texts: readonly Text[] = [
  ...TOP,
  ...FOLDERS.flatMap((folder) => readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => KINDS.test(name) && !name.includes('__pycache__')).map((name) => join(folder, name))),
].filter((path) => !RELEASED.test(path) && path !== 'test/tidy/references.test.ts' && !MADE_UP.includes(path)).map(textOf);

/** As the usual hosts make anchors of headings: lower case, spaces become hyphens, punctuation goes. */
const slugOf = (heading: string): string =>
  heading.replaceAll(/[`*]|\[|\]\([^)]*\)/g, '').trim().toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

const anchors = new Map<string, ReadonlySet<string>>();
function anchorsOf(path: string): ReadonlySet<string> {
  const known = anchors.get(path);
  if (known !== undefined) return known;
  const { text } = textOf(path);
  const found = new Set([
    ...[...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => slugOf(heading ?? '')),
    ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id ?? ''),
  ]);
  anchors.set(path, found);
  return found;
}

function problemOf(from: string, target: string): string | null {
  const [path = '', anchor] = target.split('#');
  if (!existsSync(join(projectRoot, path))) return `${from} cites ${target}: there is no such file`;
  if (anchor === undefined || anchor === '' || !path.endsWith('.md')) return null;
  return anchorsOf(path).has(anchor) ? null : `${from} cites ${target}: the page has no such section`;
}

test('a document that code cites exists, and has the section', () => {
  const cited = texts.filter(({ path }) => !path.endsWith('.md')).flatMap(({ path, text }) =>
    [...text.matchAll(/\b((?:docs\/[\w/-]+|CONTRIBUTING|README|CHANGELOG|SECURITY)\.md(?:#[\w-]+)?)/g)]
      .map(([, target]) => problemOf(path, target ?? '')));
  expect(cited.filter((problem) => problem !== null)).toEqual([]);
});

test('a link between pages leads somewhere', () => {
  const links = texts.filter(({ path }) => path.endsWith('.md')).flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, link = '']) => {
      const target = link.startsWith('#') ? path + link : relative(projectRoot, join(projectRoot, dirname(path), link));
      return problemOf(path, target);
    }));
  expect(links.filter((problem) => problem !== null)).toEqual([]);
});

test('nothing cites a document that the repository does not have', () => {
  const pages = String.raw`\b(?:contract(?:\.md)?|design(?:\.md)?|style|reliability(?:\.md)?|native-api(?:\.md)?)`;
  const elsewhere = new RegExp(String.raw`${pages}[ ,]+(?:§|R\d|Q\d|finding \d|#\d|[CNAZP]-?\d)`, 'i');
  expect(texts.filter(({ text }) => elsewhere.test(text)).map(({ path }) => path)).toEqual([]);
});
