import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allDashboards } from './dashboards.js';
import { DASHBOARDS_FOLDER, toText } from './files.js';

/** `npm run dashboards`: writes grafana/dashboards/ from the code here. */
mkdirSync(DASHBOARDS_FOLDER, { recursive: true });
for (const { file, dashboard } of allDashboards()) {
  writeFileSync(join(DASHBOARDS_FOLDER, file), toText(dashboard));
  process.stdout.write(`wrote grafana/dashboards/${file}\n`);
}
