import { alertExpressions, dashboardExpressions, type Expression } from './expressions.js';
import type { Answer, PrometheusApi } from './prometheus-api.js';
import { becomes, say } from './wait.js';

/** How long a question may stay without an answer: jobs that run every some seconds are slower on a busy machine. */
const ANSWERS_SECONDS = 120;

const NO_ANSWER: Answer = { problem: 'no series' };
const isEmpty = (answer: Answer): boolean => 'problem' in answer && ['no series', 'no number'].includes(answer.problem);
const tell = (verdict: string, where: string, rest: string): void => { say(`${verdict.padEnd(8)}${where.padEnd(72)} ${rest}`); };

/** Asks everything; what must have an answer and has none is asked again until it has one. Answers what is wrong. */
export async function askEverything(api: PrometheusApi): Promise<string[]> {
  const { expressions, labels } = dashboardExpressions();
  const wrong = expressions.length === 0 ? ['there are no dashboards in grafana/dashboards'] : [];
  const asked = [...expressions, ...alertExpressions()];
  const answers = await answersTo(asked, api);
  for (const each of asked) {
    const answer = answers.get(each) ?? NO_ANSWER;
    const { where, expr } = each;
    if (!('problem' in answer)) {
      tell('ok', where, `${Number(answer.number.toPrecision(4))}${answer.series > 1 ? `, ${answer.series} series` : ''}`);
    } else if (each.isEventful && isEmpty(answer)) {
      tell('empty', where, 'nothing happens now');
    } else {
      wrong.push(`${where}: ${answer.problem}\n      ${expr}`);
      tell('WRONG', where, answer.problem);
    }
  }
  for (const { where, selector, label } of labels) {
    const values = await api.labelValues(selector, label);
    if (values.length === 0) wrong.push(`${where}: ${selector} has no ${label}`);
    tell(values.length === 0 ? 'WRONG' : 'ok', where, values.slice(0, 5).join(', '));
  }
  for (const { name, severity, health, lastError } of await api.rules()) {
    if (health !== 'ok' || lastError !== '') wrong.push(`rule ${name} ${severity}: ${health} ${lastError}`);
  }
  return wrong;
}

async function answersTo(asked: readonly Expression[], api: PrometheusApi): Promise<ReadonlyMap<Expression, Answer>> {
  const answers = new Map<Expression, Answer>();
  let open = asked;
  await becomes(async () => {
    for (const each of open) answers.set(each, await api.query(each.expr));
    open = open.filter((each) => !each.isEventful && isEmpty(answers.get(each) ?? NO_ANSWER));
    return open.length === 0;
  }, ANSWERS_SECONDS);
  return answers;
}
