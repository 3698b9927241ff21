import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../kit/paths.js';

/**
 * One step of the schema, read from `<name>.sql`. A released step never changes; a later step corrects it. Format and
 * rules: docs/migrations.md.
 */
export type Migration = {
  /** File name without `.sql`. Recorded in the database, so a released file is never renamed. */
  readonly name: string;
  readonly up: string;
  /** The SQL that undoes `up`, or why there is none. */
  readonly down: { readonly sql: string } | { readonly refusal: string };
};

export const MIGRATIONS_FOLDER = join(projectRoot, 'src/stores/postgres/migrations');

const FILE_NAME = /^(\d{4})_[a-z0-9]+(_[a-z0-9]+)*\.sql$/;
const UP = /^-- up$/;
const DOWN = /^-- (?:down|no down: *(.*))$/;

const TEMPLATE = `-- What this changes. Whether it locks existing tables, and whether a gateway of the version before runs on it.

-- up


-- down

`;

/** All migrations, in the order in which they run. Throws when a file is malformed or two files have one number. */
export function readMigrations(folder: string = MIGRATIONS_FOLDER): readonly Migration[] {
  const files = sqlFiles(folder);
  files.forEach((file, index) => {
    if (!FILE_NAME.test(file)) throw new Error(`${file} must be named like 0001_what_it_does.sql`);
    const next = files[index + 1];
    if (next !== undefined && numberOf(next) === numberOf(file)) throw new Error(`${file} and ${next} have the same number`);
  });
  return files.map((file) => parseMigration(file.replace(/\.sql$/, ''), readFileSync(join(folder, file), 'utf8')));
}

/** Splits a file into its sections. Throws when it does not have exactly one `-- up`, followed by one `-- down` or `-- no down`. */
export function parseMigration(name: string, text: string): Migration {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const up = only(lines, UP, `${name}.sql must have one line "-- up"`);
  const down = only(lines, DOWN, `${name}.sql must have one line "-- down", or "-- no down: <reason>"`);
  if (down < up) throw new Error(`${name}.sql: "-- up" comes before "-- down"`);
  if (hasStatement(lines.slice(0, up))) throw new Error(`${name}.sql has a statement before "-- up"`);
  const rest = lines.slice(down + 1);
  const reason = DOWN.exec(lines[down] ?? '')?.[1];
  return {
    name,
    up: statements(lines.slice(up + 1, down), `${name}.sql has no statement below "-- up"`),
    down: reason === undefined
      ? { sql: statements(rest, `${name}.sql has no statement below "-- down"`) }
      : { refusal: refusal(name, [reason, ...rest]) },
  };
}

/** Writes an empty migration with the next number and returns its path. Throws on a name that is not snake_case. */
export function makeMigration(words: string, folder: string = MIGRATIONS_FOLDER): string {
  const number = Math.max(0, ...sqlFiles(folder).map((file) => Number(numberOf(file)))) + 1;
  const file = `${String(number).padStart(4, '0')}_${words}.sql`;
  if (!FILE_NAME.test(file)) throw new Error(`a migration is named in lower case with underscores, like add_invoices, not "${words}"`);
  const path = join(folder, file);
  writeFileSync(path, TEMPLATE, { flag: 'wx' });
  return path;
}

const sqlFiles = (folder: string): string[] => readdirSync(folder).filter((file) => file.endsWith('.sql')).sort();

const numberOf = (file: string): string => file.slice(0, file.indexOf('_'));

function only(lines: readonly string[], pattern: RegExp, problem: string): number {
  const found = lines.flatMap((line, index) => (pattern.test(line) ? [index] : []));
  if (found.length !== 1 || found[0] === undefined) throw new Error(problem);
  return found[0];
}

const hasStatement = (lines: readonly string[]): boolean => lines.some((line) => !/^\s*(--.*)?$/.test(line));

function statements(lines: readonly string[], problem: string): string {
  if (!hasStatement(lines)) throw new Error(problem);
  return lines.join('\n').trim();
}

function refusal(name: string, lines: readonly string[]): string {
  const reason = lines.map((line) => line.replace(/^--/, '').trim()).join(' ').trim();
  if (reason === '') throw new Error(`${name}.sql must say why there is no down`);
  if (hasStatement(lines.slice(1))) throw new Error(`${name}.sql has statements below "-- no down"`);
  return reason;
}
