import type { TSchema } from 'typebox';
import * as JsonSchema from 'typebox/schema';

/**
 * Says what is wrong with a document as OpenAPI 3.1, by the rules of the specification that a generator of documents
 * can break. Schemas are checked against JSON Schema's own meta-schema. No rule knows anything of this gateway.
 */
export function problemsOf(document: unknown): string[] {
  const problems: string[] = [];
  const say = (where: string, what: string): void => { problems.push(`${where}: ${what}`); };
  const root = asObject(document);
  /** Schemas that were found to be fine; many are the same. */
  const sound = new Set<string>();

  const object = (where: string, value: unknown, required: readonly string[], optional: readonly string[]): Fields => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      say(where, 'is not an object');
      return {};
    }
    const fields = asObject(value);
    for (const name of required) if (fields[name] === undefined) say(where, `lacks ${name}`);
    for (const name of Object.keys(fields)) {
      if (![...required, ...optional].includes(name) && !name.startsWith('x-')) say(where, `has ${name}, which is not of OpenAPI`);
    }
    return fields;
  };
  const text = (where: string, value: unknown): void => { if (typeof value !== 'string' || value === '') say(where, 'is not a text'); };
  const schema = (where: string, value: unknown): void => {
    const asText = JSON.stringify(value);
    if (sound.has(asText)) return;
    const before = problems.length;
    if (!META.Check(value)) for (const { instancePath, message } of META.Errors(value)[1]) say(`${where}${instancePath}`, message);
    for (const ref of refsOf(value)) if (resolve(root, ref) === undefined) say(where, `refers to ${ref}, which is not there`);
    if (problems.length === before) sound.add(asText);
  };
  const content = (where: string, value: unknown): void => {
    for (const [type, media] of Object.entries(asObject(value))) {
      const at = `${where} ${type}`;
      if (!/^[a-z]+\/[\w.+-]+$/.test(type)) say(at, 'is not a media type');
      const { schema: of, example, examples } = object(at, media, ['schema'], ['example', 'examples', 'encoding']);
      if (example !== undefined && examples !== undefined) say(at, 'has both example and examples');
      for (const [name, each] of Object.entries(asObject(examples))) {
        object(`${at} example ${name}`, each, ['value'], ['summary', 'description']);
      }
      schema(at, of);
    }
  };
  const parameter = (where: string, value: unknown): void => {
    const { name, in: place, required, schema: of } = object(where, value, ['name', 'in', 'schema'], [
      'required', 'description', 'deprecated', 'example', 'examples', 'style', 'explode',
    ]);
    text(`${where} name`, name);
    if (!['path', 'query', 'header', 'cookie'].includes(String(place))) say(where, `is in ${String(place)}`);
    if (place === 'path' && required !== true) say(where, 'is in the path, but not required');
    if (place === 'header' && /^(accept|content-type|authorization)$/i.test(String(name))) {
      say(where, 'may not be described as a parameter');
    }
    schema(where, of);
  };
  const response = (where: string, status: string, value: unknown): void => {
    if (!/^([1-5]\d\d|[1-5]XX|default)$/.test(status)) say(where, 'is not a status');
    const { description, headers, content: body } = object(where, value, ['description'], ['headers', 'content', 'links']);
    text(`${where} description`, description);
    for (const [name, header] of Object.entries(asObject(headers))) {
      if (/^content-type$/i.test(name)) say(where, 'may not describe Content-Type');
      schema(`${where} ${name}`, object(`${where} ${name}`, header, ['schema'], ['description', 'required', 'example'])['schema']);
    }
    content(where, body);
  };

  object('document', root, ['openapi', 'info', 'paths'], [
    'servers', 'tags', 'components', 'security', 'externalDocs', 'webhooks', 'jsonSchemaDialect',
  ]);
  if (!/^3\.1\.\d+$/.test(String(root['openapi']))) say('openapi', `is ${String(root['openapi'])}`);
  const { title, version, license } = object('info', root['info'], ['title', 'version'], [
    'summary', 'description', 'termsOfService', 'contact', 'license',
  ]);
  text('info.title', title);
  text('info.version', version);
  if (license !== undefined) object('info.license', license, ['name'], ['identifier', 'url']);
  const components = object('components', root['components'] ?? {}, [], [
    'schemas', 'responses', 'parameters', 'examples', 'requestBodies', 'headers', 'securitySchemes', 'links', 'callbacks',
    'pathItems',
  ]);
  for (const [name, each] of Object.entries(asObject(components['schemas']))) schema(`schema ${name}`, each);
  const schemes = asObject(components['securitySchemes']);
  for (const [name, each] of Object.entries(schemes)) {
    const { type, scheme } = object(`security ${name}`, each, ['type'], [
      'description', 'name', 'in', 'scheme', 'bearerFormat', 'flows', 'openIdConnectUrl',
    ]);
    if (type === 'http') text(`security ${name} scheme`, scheme);
  }
  const tags = asList(root['tags']).map((tag, index) => object(`tag ${index}`, tag, ['name'], ['description', 'externalDocs'])['name']);
  if (new Set(tags).size !== tags.length) say('tags', 'two have one name');

  const ids = new Set<unknown>();
  const shapes = new Set<string>();
  for (const [path, item] of Object.entries(asObject(root['paths']))) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    if (!path.startsWith('/') || path.includes(':')) say(path, 'is not a path template');
    const shape = path.replaceAll(/\{\w+\}/g, '{}');
    if (shapes.has(shape)) say(path, 'differs from another path in the names of parameters only');
    shapes.add(shape);
    for (const [method, operation] of Object.entries(object(path, item, [], METHODS))) {
      const at = `${method} ${path}`;
      const fields = object(at, operation, ['operationId', 'responses'], [
        'tags', 'summary', 'description', 'parameters', 'requestBody', 'security', 'deprecated', 'servers',
      ]);
      if (!/^[A-Za-z_]\w*$/.test(String(fields['operationId']))) say(at, 'has an operationId that is no name in a program');
      if (ids.has(fields['operationId'])) say(at, `has the operationId of another: ${String(fields['operationId'])}`);
      ids.add(fields['operationId']);
      for (const tag of asList(fields['tags'])) if (!tags.includes(tag)) say(at, `has a tag that is not declared: ${String(tag)}`);
      for (const requirement of asList(fields['security'])) for (const name of Object.keys(asObject(requirement))) {
        if (schemes[name] === undefined) say(at, `needs ${name}, which is no security scheme`);
      }
      const parameters = asList(fields['parameters']);
      for (const each of parameters) parameter(`${at} parameter ${String(asObject(each)['name'])}`, each);
      const keys = parameters.map((each) => `${String(asObject(each)['in'])} ${String(asObject(each)['name']).toLowerCase()}`);
      if (new Set(keys).size !== keys.length) say(at, 'has one parameter twice');
      const inPath = parameters.map(asObject).filter((each) => each['in'] === 'path').map((each) => each['name']);
      if (String([...inPath].sort()) !== String([...names].sort())) {
        say(at, `describes ${String(inPath)} in the path, which has ${String(names)}`);
      }
      if (fields['requestBody'] !== undefined) {
        content(`${at} body`, object(`${at} body`, fields['requestBody'], ['content'], ['description', 'required'])['content']);
      }
      const responses = Object.entries(asObject(fields['responses']));
      if (responses.length === 0) say(at, 'has no responses');
      for (const [status, each] of responses) response(`${at} ${status}`, status, each);
    }
  }
  return problems;
}

type Fields = Readonly<Record<string, unknown>>;

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const META = JsonSchema.Compile(JsonSchema.Meta['https://json-schema.org/draft/2020-12/schema']);

const asObject = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const refsOf = (value: unknown): string[] =>
  Object.entries(asObject(value)).flatMap(([name, child]) => (name === '$ref' && typeof child === 'string' ? [child] : refsOf(child)));

/** What `#/a/b` points at; undefined: nothing. */
export const resolve = (root: unknown, ref: string): TSchema | undefined =>
  ref.startsWith('#/')
    ? (ref.slice(2).split('/').reduce<unknown>((at, name) => asObject(at)[name], root) as TSchema | undefined)
    : undefined;
