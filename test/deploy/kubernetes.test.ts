import { describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../../src/config.js';
import { METRICS } from '../../src/kit/metrics/catalogue.js';
import { at, kubernetesObjects, packageJson, pathOf, textOf, yamlOf, type Fields, type KubernetesObject } from './documents.js';
import { check, NOT_OURS, typeOf } from './kubernetes-schemas.js';

/** Nothing here has been applied: there is no cluster where these tests run. */

const FOLDER = 'deploy/kubernetes';
const all = kubernetesObjects(FOLDER).filter(({ path }) => !path.includes('adapter-rules'));
const ofKind = (kind: string): readonly KubernetesObject[] => all.filter((object) => object.kind === kind);
const deployments = ofKind('Deployment');
const named = (name: string): KubernetesObject => {
  const found = deployments.find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Error(`no deployment ${name}`);
  return found;
};

describe('the schemas of Kubernetes', () => {
  test.each(all.filter((object) => !NOT_OURS.includes(typeOf(object))).map((object) => [
    `${object.path} ${object.kind} ${object.metadata.name}`, object,
  ] as const))('%s', (_, object) => {
    expect(check(object)).toEqual([]);
  });

  test('would say what is wrong', () => {
    const object = named('credit-gateway-api');
    const changed = (from: string, to: string): KubernetesObject => ({
      ...object, data: JSON.parse(JSON.stringify(object.data).replace(from, to)) as Fields,
    });
    expect(check(changed('"readinessProbe"', '"redinessProbe"'))).toContain('.spec.template.spec.containers.0.redinessProbe');
    expect(() => check(changed('"containerPort":3001', '"containerPort":"3001"'))).toThrow('must be integer');
    expect(() => check(changed('"selector"', '"selektor"'))).toThrow('must have required property selector');
  });
});

describe.each(deployments.map((object) => [object.metadata.name, object.data] as const))('%s', (name, data) => {
  const pod = at(data, 'spec.template.spec') as Fields;
  const container = at(pod, 'containers.0') as Fields;
  const labels = at(data, 'spec.template.metadata.labels');

  test('is restricted as Kubernetes calls it, and has no token', () => {
    expect(pod).toMatchObject({
      serviceAccountName: 'credit-gateway', automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(container['securityContext']).toEqual({
      allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] },
    });
    expect(`${String(at(pod, 'securityContext.runAsUser'))}:${String(at(pod, 'securityContext.runAsGroup'))}`)
      .toBe(/^USER (.*)$/m.exec(textOf('Dockerfile'))?.[1]);
  });

  test('is probed at routes that exist, on a port that it has', () => {
    const routes = textOf('src/edge/http/health.ts');
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      const get = at(container, `${probe}.httpGet`) as { path: string; port: string };
      expect(routes).toContain(`add('GET', '${get.path}'`);
      expect(container['ports']).toContainEqual({ name: get.port, containerPort: readConfig({}).port });
    }
    expect(at(container, 'livenessProbe.httpGet.path')).toBe('/livez');
    // One slow answer, or two, of a busy process change nothing.
    for (const probe of ['readinessProbe', 'livenessProbe']) {
      expect(at(container, `${probe}.failureThreshold`)).toBeGreaterThanOrEqual(3);
    }
    expect(at(container, 'readinessProbe.httpGet.path')).toBe('/readyz');
  });

  test('says what it needs and what it may not exceed', () => {
    expect(container['resources']).toEqual({
      requests: { cpu: expect.any(String), memory: expect.any(String) }, limits: { memory: expect.any(String) },
    });
  });

  test('selects its own pods, and only these', () => {
    expect(at(data, 'spec.selector.matchLabels')).toEqual(labels);
    expect(deployments.filter((other) => JSON.stringify(at(other.data, 'spec.template.metadata.labels')) === JSON.stringify(labels)))
      .toHaveLength(1);
    const budget = ofKind('PodDisruptionBudget').find(({ metadata }) => metadata.name === name);
    expect(at(budget?.data, 'spec.selector.matchLabels')).toEqual(labels);
  });

  test('may take longer to stop than the gateway does', () => {
    expect(Number(pod['terminationGracePeriodSeconds']) * 1_000)
      .toBeGreaterThan(Number(/STOP_TIMEOUT_MS = ([\d_]+)/.exec(textOf('src/run.ts'))?.[1]?.replace('_', '')));
  });

  test('runs the version of the package', () => {
    expect(container['image']).toBe(`credit-gateway:${packageJson.version}`);
  });
});

test('the service leads to the API, by the name of its port', () => {
  const [service] = ofKind('Service');
  expect(at(service?.data, 'spec.selector')).toEqual(at(named('credit-gateway-api').data, 'spec.template.metadata.labels'));
  expect(at(service?.data, 'spec.ports.0.targetPort')).toBe(at(
    named('credit-gateway-api').data, 'spec.template.spec.containers.0.ports.0.name',
  ));
});

test('autoscalers scale what exists, and nothing that has a number of replicas of its own in the same kustomization', () => {
  for (const { data } of ofKind('HorizontalPodAutoscaler')) {
    const name = String(at(data, 'spec.scaleTargetRef.name'));
    const patched = textOf(FOLDER, 'components/worker-scaling/kustomization.yaml').includes(`name: ${name}`);
    expect(at(named(name).data, 'spec.replicas') === undefined || patched).toBe(true);
  }
});

test('metrics of autoscalers are in the catalogue, and the adapter\'s rule gives the same name', () => {
  const metric = at(
    ofKind('HorizontalPodAutoscaler').find(({ metadata }) => metadata.name === 'credit-gateway-worker')?.data,
    'spec.metrics.0.external.metric.name',
  );
  expect(metric).toBe(METRICS.lagEntries.name);
  expect(textOf(FOLDER, 'components/worker-scaling/adapter-rules.example.yaml')).toContain(`seriesQuery: ${METRICS.lagEntries.name}{`);
});

test('network policies select the gateway', () => {
  for (const { data } of ofKind('NetworkPolicy')) {
    expect(at(named('credit-gateway-api').data, 'spec.template.metadata.labels')).toMatchObject(at(
      data, 'spec.podSelector.matchLabels',
    ) as Fields);
  }
});

test('network policies let the gateway reach a DNS cache on its node, and key servers in the cluster', () => {
  const [egress] = ofKind('NetworkPolicy').map(({ data }) => at(data, 'spec.egress')).filter((rules) => rules !== undefined);
  const rules = egress as readonly { readonly to?: readonly Fields[]; readonly ports?: readonly Fields[] }[];
  expect(rules.find(({ ports }) => ports?.some(({ port }) => port === 53))?.to).toContainEqual({ ipBlock: { cidr: '169.254.20.10/32' } });
  // Without ports: a policy sees the port of the pod behind a Service, which may be any.
  expect(rules).toContainEqual({ to: [{ namespaceSelector: {}, podSelector: { matchLabels: { 'credit-gateway/server': 'true' } } }] });
});

describe('settings', () => {
  const lines = textOf(FOLDER, 'base/gateway.env').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const settings = Object.fromEntries(lines.map((line) => line.split('=', 2) as [string, string]));
  const secrets = ofKind('Secret');

  test('are known to the gateway, and good', () => {
    const config = ['src/config.ts', 'src/config/auth.ts', 'src/config/redis.ts'].map((path) => textOf(path)).join('');
    const names = [...Object.keys(settings), ...secrets.flatMap(({ data }) => Object.keys(data['stringData'] as Fields))];
    expect(names.filter((each) => !config.includes(`'${each}'`))).toEqual([]);
    expect(() => readConfig(settings)).not.toThrow();
  });

  test('the example\'s secrets are none, and the gateway does not start with them', () => {
    for (const { data } of secrets) {
      for (const value of Object.values(data['stringData'] as Record<string, string>)) expect(value).toMatch(/^<.*>$/);
      expect(() => readConfig(data['stringData'] as Record<string, string>)).toThrow('Bad configuration');
    }
  });

  test('only what is needed: callers\' secrets for the API, RabbitMQ for workers', () => {
    const refs = (name: string): unknown[] => (at(
      named(name).data, 'spec.template.spec.containers.0.envFrom',
    ) as Fields[]).map((each) => at(each, 'secretRef.name')).filter((each) => each !== undefined);
    expect(refs('credit-gateway-api')).toEqual(['credit-gateway-stores', 'credit-gateway-callers']);
    expect(refs('credit-gateway-worker')).toEqual(['credit-gateway-stores', 'credit-gateway-queues']);
    expect(secrets.map(({ metadata }) => metadata.name).sort()).toEqual([
      'credit-gateway-callers', 'credit-gateway-migration', 'credit-gateway-queues', 'credit-gateway-stores',
    ]);
  });

  test('the password of the tables\' owner reaches only the container that migrates', () => {
    for (const { data } of deployments) {
      const [migrate, ...others] = at(data, 'spec.template.spec.initContainers') as Fields[];
      expect(others).toEqual([]);
      expect(at(migrate, 'envFrom')).toEqual([{ secretRef: { name: 'credit-gateway-migration' } }]);
      expect(at(migrate, 'command')).toEqual(['credit-gateway', 'migrate']);
      expect(at(migrate, 'image')).toEqual(at(data, 'spec.template.spec.containers.0.image'));
      expect(at(migrate, 'securityContext')).toEqual(at(data, 'spec.template.spec.containers.0.securityContext'));
      expect(JSON.stringify(at(data, 'spec.template.spec.containers'))).not.toContain('credit-gateway-migration');
    }
  });
});

describe('kustomize', () => {
  const kustomizations = [
    ...all.filter(({ apiVersion }) => apiVersion.startsWith('kustomize')),
    ...kubernetesObjects('grafana').filter(({ kind }) => kind === 'Component'),
  ];

  test('every file that is named exists, and every manifest is named', () => {
    const namedFiles = kustomizations.flatMap(({ path, data }) => [
      ...(data['resources'] as string[] | undefined ?? []), ...(data['components'] as string[] | undefined ?? []),
    ].map((each) => join(path, '..', each)));
    expect(namedFiles.filter((each) => !existsSync(pathOf(each)))).toEqual([]);
    const manifests = [
      ...new Set(all.map(({ path }) => path)),
    ].filter((path) => !path.endsWith('kustomization.yaml') && !path.includes('.example.'));
    expect(manifests.filter((path) => !namedFiles.includes(path))).toEqual([]);
  });

  test('every dashboard has a ConfigMap, small enough for kubectl apply', () => {
    const component = yamlOf('grafana/kustomization.yaml') as { configMapGenerator: { name: string; files: [string] }[] };
    const files = component.configMapGenerator.map(({ files: [file] }) => file).filter((file) => file !== 'runbook/index.html');
    expect(files.sort()).toEqual(readdirSync(pathOf('grafana/dashboards')).map((name) => `dashboards/${name}`).sort());
    expect(files.filter((file) => statSync(pathOf('grafana', file)).size > 200_000)).toEqual([]);
  });
});

test('Prometheus scrapes the pods of both roles under the job that dashboards and rules ask for', () => {
  const [monitor] = ofKind('PodMonitor');
  expect(at(monitor?.data, 'spec.selector.matchLabels')).toEqual({ 'app.kubernetes.io/name': 'credit-gateway' });
  expect(monitor?.data['spec']).toMatchObject({
    jobLabel: 'app.kubernetes.io/name', podMetricsEndpoints: [{ port: 'operations', path: '/metrics' }],
  });
  for (const { data } of deployments) {
    const port = { name: 'operations', containerPort: readConfig({}).operations.port };
    expect(at(data, 'spec.template.spec.containers.0.ports')).toContainEqual(port);
  }
  expect(JSON.stringify(ofKind('Service').map(({ data }) => data))).not.toContain('operations');
});
