import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { projectRoot } from '../../src/kit/paths.js';
import { findAlertmanager, startAlertmanager, startReceiver, type ToldAlert } from '../../test/support/alertmanager.js';
import type { Folder } from '../../test/support/servers.js';

/** Whether an alert reaches the operator on call: Alertmanager with the file that ships, and a receiver that remembers. */

/** Where links lead in this run. */
export const RUNBOOK_URL = 'http://runbook.example/index.html';
const PATIENCE_SECONDS = 150;

export type Paging = {
  /** `host:port` of Alertmanager. */
  readonly address: string;
  /** Waits until the receiver of pages was told of an alert. Answers what is wrong with that; nothing: it was told rightly. */
  readonly expectPage: (name: string, status: ToldAlert['status']) => Promise<string[]>;
  readonly stop: () => Promise<void>;
};

/** The paging of this run, or the reason why there is none. */
export async function startPaging(folder: Folder): Promise<Paging | string> {
  const program = await findAlertmanager();
  if (typeof program === 'string') return program;
  const receiver = await startReceiver();
  const manager = await startAlertmanager(program.path, folder, configFor(receiver.url));
  return {
    address: manager.address,
    expectPage: async (name, status) => {
      const isIt = (each: ToldAlert): boolean => each.labels['alertname'] === name && each.status === status && each.receiver === 'page';
      for (let second = 0; second < PATIENCE_SECONDS && !receiver.told.some(isIt); second += 1) await sleep(1_000);
      const told = receiver.told.find(isIt);
      return told === undefined ? [`no page told within ${PATIENCE_SECONDS} s that ${name} is ${status}`] : wrongWith(told);
    },
    stop: async () => {
      await manager.stop();
      await receiver.stop();
    },
  };
}

/** The configuration that ships, with receivers of this run and without its pauses. */
function configFor(receiverUrl: string): string {
  const text = readFileSync(join(projectRoot, 'grafana', 'alertmanager.yml'), 'utf8')
    .replaceAll(/http:\/\/(\w+)\.invalid\//g, `${receiverUrl}/$1`);
  const config = parse(text) as { route: object };
  config.route = { ...config.route, group_wait: '1s', group_interval: '5s' };
  return stringify(config);
}

function wrongWith({ labels, annotations }: ToldAlert): string[] {
  const name = labels['alertname'] ?? '';
  const link = `${RUNBOOK_URL}#${name.replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase()}`;
  return [
    ...(annotations['runbook_url'] === link
      ? []
      : [`the page of ${name} links to ${annotations['runbook_url'] ?? 'nothing'}, not ${link}`]),
    ...('runbook' in labels ? [`the page of ${name} has the label runbook`] : []),
  ];
}
