import { parser } from '@prometheus-io/lezer-promql';

/** As Grafana asks Prometheus: its variables replaced by what they may be. */
export const substituted = (expr: string): string => expr
  .replaceAll('$__rate_interval', '1m')
  .replaceAll('$__range', '1h')
  .replaceAll(/"\$\{?[a-z]\w*\}?"/g, '".*"');

/** By Prometheus' own grammar: what is wrong with an expression, and which series it names. */
export function readPromql(expr: string): { readonly errors: string[]; readonly metrics: string[] } {
  const text = substituted(expr);
  const errors: string[] = [];
  const metrics: string[] = [];
  parser.parse(text).iterate({
    enter: (node) => {
      if (node.type.isError) errors.push(`at "${text.slice(node.from, node.from + 20)}"`);
      if (node.name === 'Identifier' && node.node.parent?.name === 'VectorSelector') metrics.push(text.slice(node.from, node.to));
    },
  });
  return { errors, metrics };
}
