import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { projectRoot } from '../../src/kit/paths.js';

type Rule = { readonly record?: string; readonly alert?: string; readonly expr: string };
type RulesFile = { readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[] };
type Expectation = { readonly expr: string };
type Case = { readonly name: string; readonly promql_expr_test?: readonly Expectation[]; readonly alert_rule_test?: unknown };
type CasesFile = { readonly evaluation_interval: string; readonly tests: readonly Case[] };

/**
 * Writes the cases of one file as several, each with only the rules that its cases ask about, and answers their paths.
 * promtool evaluates every rule of `rule_files` at every step of every case, which is most of what a run costs. A case
 * that asks about anything other than named alerts keeps all rules.
 */
export function splitCases(casesFile: string, rulesFile: string, folder: string): string[] {
  const rules = read(rulesFile) as RulesFile;
  const { tests, evaluation_interval: interval } = read(casesFile) as CasesFile;
  const groups = new Map<string, Case[]>();
  for (const each of tests) {
    const asked = alertsOf(each)?.join(' ') ?? '';
    groups.set(asked, [...(groups.get(asked) ?? []), each]);
  }
  mkdirSync(folder, { recursive: true });
  return [...groups].map(([asked, cases], index) => {
    const base = join(folder, `${basename(casesFile, '.test.yml')}-${index}`);
    writeFileSync(`${base}.rules.yml`, stringify(asked === '' ? rules : only(rules, asked.split(' '))));
    writeFileSync(`${base}.test.yml`, stringify({ rule_files: [`${base}.rules.yml`], evaluation_interval: interval, tests: cases }));
    return `${base}.test.yml`;
  });
}

const read = (path: string): unknown => parse(readFileSync(join(projectRoot, path), 'utf8'));

/** The alerts that a case names, sorted. Undefined when it asks about anything else. */
function alertsOf({ promql_expr_test: asked = [], alert_rule_test: byRule }: Case): readonly string[] | undefined {
  if (byRule !== undefined || asked.length === 0) return undefined;
  const names = asked.map(({ expr }) => /^count\(ALERTS\{alertname="(\w+)"[^{}]*\}\)$/.exec(expr)?.[1]);
  return names.includes(undefined) ? undefined : [...new Set(names as string[])].sort();
}

/** These alerts and the recorded series that they read. A group that is left empty goes. */
function only({ groups }: RulesFile, alerts: readonly string[]): RulesFile {
  const expressions = groups.flatMap(({ rules }) =>
    rules.filter(({ alert }) => alert !== undefined && alerts.includes(alert)).map(({ expr }) => expr));
  const isKept = ({ alert, record }: Rule): boolean =>
    (alert !== undefined ? alerts.includes(alert) : expressions.some((expr) => record !== undefined && expr.includes(record)));
  return { groups: groups.map(({ name, rules }) => ({ name, rules: rules.filter(isKept) })).filter(({ rules }) => rules.length > 0) };
}
