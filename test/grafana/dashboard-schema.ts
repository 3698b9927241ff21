import { Ajv } from 'ajv';
import { join } from 'node:path';
import { createGenerator } from 'ts-json-schema-generator';
import { projectRoot } from '../../src/kit/paths.js';

/** Answers what Grafana's own types do not allow in a dashboard. Making it takes a second or two. */
export function dashboardSchema(): (dashboard: unknown) => string[] {
  const schema = createGenerator({
    path: join(projectRoot, 'test/grafana/grafana-types.ts'), tsconfig: join(projectRoot, 'tsconfig.json'), type: 'OurDashboard',
    expose: 'none', additionalProperties: false, skipTypeCheck: true,
  }).createSchema('OurDashboard');
  const validate = new Ajv({ strict: false, allErrors: true }).compile(schema as Record<string, unknown>);
  return (dashboard) => (validate(dashboard) ? [] : (validate.errors ?? []).map(({ instancePath, message = '', params }) =>
    `${instancePath} ${message} ${JSON.stringify(params)}`));
}
