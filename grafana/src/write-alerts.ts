/** Part of `npm run dashboards`: writes the rules that Prometheus reads, and the runbook that Grafana serves. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';
import { RULES_FILE, rulesYaml } from './alerts.js';
import { RUNBOOK_PAGE, RUNBOOK_SOURCE, runbookPage } from './runbook-page.js';

writeFileSync(join(projectRoot, RULES_FILE), rulesYaml());
process.stdout.write(`${RULES_FILE} written\n`);
mkdirSync(join(projectRoot, RUNBOOK_PAGE, '..'), { recursive: true });
writeFileSync(join(projectRoot, RUNBOOK_PAGE), runbookPage(readFileSync(join(projectRoot, RUNBOOK_SOURCE), 'utf8')));
process.stdout.write(`${RUNBOOK_PAGE} written\n`);
