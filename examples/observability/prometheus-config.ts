import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { projectRoot } from '../../src/kit/paths.js';
import type { Folder } from '../../test/support/servers.js';

/** Writes the configuration and rules that ship, with the targets of this run and faster scrapes. Answers its file. */
export function writePrometheusConfig(
  folder: Folder, targets: readonly string[], paging?: { readonly alertmanager: string; readonly runbook: string },
): string {
  const home = join(folder.path, 'config');
  mkdirSync(home);
  cpSync(join(projectRoot, 'grafana', 'alerts'), join(home, 'alerts'), { recursive: true });
  const config = parse(readFileSync(join(projectRoot, 'grafana', 'prometheus.yml'), 'utf8')) as {
    global: object; alerting: { alertmanagers: object[] }; scrape_configs: { static_configs: { targets: readonly string[] }[] }[];
  };
  config.global = {
    scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s', external_labels: { runbook: paging?.runbook ?? '' },
  };
  config.alerting.alertmanagers = paging === undefined ? [] : [{ static_configs: [{ targets: [paging.alertmanager] }] }];
  for (const job of config.scrape_configs) job.static_configs = [{ targets }];
  const file = join(home, 'prometheus.yml');
  writeFileSync(file, stringify(config));
  return file;
}
