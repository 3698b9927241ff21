/** Part of `npm run dashboards`: writes the file of rules that Prometheus reads from what grafana/src/alerts.ts says. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';
import { RULES_FILE, rulesYaml } from './alerts.js';

writeFileSync(join(projectRoot, RULES_FILE), rulesYaml());
process.stdout.write(`${RULES_FILE} written\n`);
