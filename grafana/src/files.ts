import { join } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';
import type { Dashboard } from './classic.js';

/** Where Grafana reads the dashboards. */
export const DASHBOARDS_FOLDER = join(projectRoot, 'grafana', 'dashboards');

/** As it is committed. */
export const toText = (dashboard: Dashboard): string => `${JSON.stringify(dashboard, null, 2)}\n`;
