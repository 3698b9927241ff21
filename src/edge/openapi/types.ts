import type { TSchema } from 'typebox';

/** The part of OpenAPI 3.1 that the gateway's document uses. Its schemas are JSON Schema 2020-12, as TypeBox writes it. */
export type OpenApi = {
  readonly openapi: '3.1.0';
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly summary: string;
    readonly description: string;
    readonly license: { readonly name: string; readonly identifier: string };
  };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly Tag[];
  readonly 'x-tagGroups': readonly { readonly name: string; readonly tags: readonly string[] }[];
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, TSchema>>;
    readonly securitySchemes: Readonly<Record<string, object>>;
  };
};

export type Tag = { readonly name: string; readonly description: string };

/** Operations by method, in lower case. */
export type PathItem = Readonly<Record<string, Operation>>;

export type Operation = {
  readonly operationId: string;
  readonly tags: readonly [string];
  readonly summary: string;
  readonly description: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  /** Who may call it: `public`, `authenticated`, or the roles. */
  readonly 'x-gate': string;
  readonly 'x-api': 'native' | 'legacy' | 'operations';
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: true; readonly content: Content };
  readonly 'x-codeSamples'?: readonly { readonly lang: string; readonly label: string; readonly source: string }[];
  /** By status. */
  readonly responses: Readonly<Record<string, Response>>;
};

export type Parameter = {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: TSchema;
  /** Absent for what most callers leave out. */
  readonly example?: unknown;
};

export type Response = { readonly description: string; readonly headers: Readonly<Record<string, Header>>; readonly content?: Content };
export type Header = { readonly description: string; readonly schema: TSchema };

/** By media type. */
export type Content = Readonly<Record<string, MediaType>>;
export type MediaType = { readonly schema: TSchema; readonly example?: unknown; readonly examples?: Readonly<Record<string, Example>> };
export type Example = { readonly value: object };
