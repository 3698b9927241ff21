import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { temporaryFolder, type Folder } from '../support/servers.js';
import { pathOf, textOf, type KubernetesObject } from './documents.js';
import { check, NOT_OURS, typeOf } from './kubernetes-schemas.js';

/** The example as docs/deployment.md copies it, rendered by kustomize. Where there is none the file is skipped, and says so. */
const renderer = [['kubectl', 'kustomize'], ['kustomize', 'build']].find(([program = '']) => spawnSync(program, ['--help']).status === 0);

const KUSTOMIZATION = 'my-gateway/deploy/kubernetes/example/kustomization.yaml';
const OPERATORS = 'monitoring.coreos.com/v1 PodMonitor';

let folder: Folder;
beforeAll(async () => {
  folder = await temporaryFolder();
  const lines = /^mkdir -p my-gateway.*$/m.exec(textOf('docs/deployment.md'))?.[0] ?? 'exit 1';
  execFileSync('bash', ['-euc', `in=$1; cd ${pathOf('.')}; ${lines.replaceAll('my-gateway', '"$in"/my-gateway')}`, 'bash', folder.path]);
});
afterAll(() => { folder.remove(); });

function render(): KubernetesObject[] {
  const [program = '', ...args] = renderer ?? [];
  const text = execFileSync(program, [...args, join(folder.path, KUSTOMIZATION, '..')], { encoding: 'utf8' });
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
  return objects.map((data) => ({ ...data, path: 'rendered', data }));
}

const wrong = (objects: readonly KubernetesObject[]): string[] => objects.filter((object) => !NOT_OURS.includes(typeOf(object)))
  .flatMap((object) => check(object).map((field) => `${object.kind} ${object.metadata.name}: ${field}`));

const [suite, why] = renderer === undefined ? [describe.skip, ' (SKIPPED: neither kubectl nor kustomize)'] : [describe, ''];
suite(`the example${why}`, () => {
  test('needs nothing that a plain cluster does not have', () => {
    const objects = render();
    expect(wrong(objects)).toEqual([]);
    expect(objects.map(typeOf)).not.toContain(OPERATORS);
    expect(objects.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['Namespace', 'Deployment', 'ConfigMap', 'NetworkPolicy']));
    expect(JSON.stringify(objects)).toContain('registry.example/credit-gateway:');
  });

  test('with every component that it names', () => {
    const file = join(folder.path, KUSTOMIZATION);
    writeFileSync(file, readFileSync(file, 'utf8').replace('# components:', 'components:').replaceAll(/^# {2}( - \.\.)/gm, ' $1'));
    const objects = render();
    expect(wrong(objects)).toEqual([]);
    expect(objects.map(typeOf)).toContain(OPERATORS);
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names).toContain('HorizontalPodAutoscaler credit-gateway-worker');
    expect(names).toContain('ConfigMap credit-gateway-dashboard-overview');
  });
});
