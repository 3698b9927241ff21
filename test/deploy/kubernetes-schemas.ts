import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Namespace, Secret, Service, ServiceAccount } from 'kubernetes-models/v1';
import type { KubernetesObject } from './documents.js';
import { unknownFields } from './unknown-fields.js';

type Model = new (data: never) => { validate(): void };
const MODELS: Readonly<Record<string, Model>> = {
  'apps/v1 Deployment': Deployment, 'autoscaling/v2 HorizontalPodAutoscaler': HorizontalPodAutoscaler,
  'networking.k8s.io/v1 NetworkPolicy': NetworkPolicy,
  'policy/v1 PodDisruptionBudget': PodDisruptionBudget, 'v1 ConfigMap': ConfigMap, 'v1 Namespace': Namespace, 'v1 Secret': Secret,
  'v1 Service': Service, 'v1 ServiceAccount': ServiceAccount,
};
/** Those of other makers, whose schemas are not at hand; what matters of them is checked below. */
export const NOT_OURS = [
  'monitoring.coreos.com/v1 PodMonitor', 'kustomize.config.k8s.io/v1beta1 Kustomization',
  'kustomize.config.k8s.io/v1alpha1 Component',
];

export const typeOf = ({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): string => `${apiVersion} ${kind}`;

/** Throws what is wrong with an object; answers the fields that its schema does not know. */
export function check(object: Pick<KubernetesObject, 'apiVersion' | 'kind' | 'data'>): string[] {
  const Kind = MODELS[typeOf(object)];
  if (Kind === undefined) throw new Error(`no schema for ${typeOf(object)}`);
  return unknownFields(new Kind(object.data as never), (watched) => { watched.validate(); });
}
