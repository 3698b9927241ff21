import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { projectRoot } from '../../src/kit/paths.js';

export type Fields = Readonly<Record<string, unknown>>;

export const pathOf = (...parts: readonly string[]): string => join(projectRoot, ...parts);
export const textOf = (...parts: readonly string[]): string => readFileSync(pathOf(...parts), 'utf8');
export const packageJson = JSON.parse(textOf('package.json')) as {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
};

/** The file as YAML, with anchors and merge keys resolved. */
export const yamlOf = (path: string): unknown => parse(textOf(path), { merge: true });

export type KubernetesObject = {
  readonly path: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data: Fields;
};

/** Every object of the manifests below a folder, kustomizations included. */
export const kubernetesObjects = (folder: string): KubernetesObject[] =>
  readdirSync(pathOf(folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .flatMap((name) => {
      const path = relative(projectRoot, pathOf(folder, name));
      return parseAllDocuments(textOf(path)).map((document) => {
        if (document.errors.length > 0) throw new Error(`${path}: ${document.errors.join(', ')}`);
        const data = document.toJS() as Fields & Pick<KubernetesObject, 'apiVersion' | 'kind' | 'metadata'>;
        return { path, apiVersion: data.apiVersion, kind: data.kind, metadata: data.metadata, data };
      });
    });

/** What is at `a.b.0.c`, or undefined. */
export const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Fields)[key] : undefined), value,
  );
