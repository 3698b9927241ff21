import type { TLocalizedValidationError } from 'typebox/error';
import type { ErrorSource } from '../../kit/errors.js';

type SchemaError = TLocalizedValidationError;

/** What texts of these patterns are, for people. */
const IN_WORDS: ReadonlyMap<string, string> = new Map([
  ['^[!-~]+$', 'must be visible ASCII characters, without spaces'],
  ['^[0-9a-fA-F]{24}$', 'must be 24 hexadecimal digits'],
  ['^[A-Za-z0-9_][A-Za-z0-9._@|+=~$-]*$', 'must be letters, digits or any of ._@|+=~$-'],
]);

/** Every fault of a body, each with the field as the caller wrote it. */
export function sourcesOf(errors: readonly SchemaError[]): ErrorSource[] {
  return withoutOtherBranches(errors).flatMap(toSources);
}

function toSources(error: SchemaError): ErrorSource[] {
  const path = `body${error.instancePath.replaceAll('/', '.')}`;
  if (error.keyword === 'required') {
    return error.params.requiredProperties.map((name) => ({ path: `${path}.${name}`, message: 'is missing' }));
  }
  // The smallest number above 0 stands for "above 0" in schemas whose 0 is out of range.
  if (error.keyword === 'minimum' && error.params.limit === Number.MIN_VALUE) return [{ path, message: 'must be above 0' }];
  const words = error.keyword === 'pattern' ? IN_WORDS.get(String(error.params.pattern)) : undefined;
  return [{ path, message: words ?? error.message }];
}

/**
 * A value that fits no branch of a union has errors of every branch. Only those of the branch that was meant are faults: the
 * one whose type the value has. When it has none of the types, one error names them all.
 */
export function withoutOtherBranches(errors: readonly SchemaError[]): readonly SchemaError[] {
  let left = errors;
  // A union within a union comes before it.
  for (const union of errors.filter(({ keyword }) => keyword === 'anyOf')) {
    const inside = `${union.schemaPath}/anyOf/`;
    const branches = new Map<string, SchemaError[]>();
    for (const error of left.filter(({ schemaPath }) => schemaPath.startsWith(inside))) {
      const branch = error.schemaPath.slice(inside.length).split('/', 1)[0] ?? '';
      branches.set(branch, [...(branches.get(branch) ?? []), error]);
    }
    const meant = [...branches.values()].filter((each) => each.every((error) => !isOtherType(error, union)))
      .toSorted((one, other) => one.length - other.length)[0];
    const types = [...branches.values()].flat().filter((error) => isOtherType(error, union))
      .map(({ message }) => message.replace(/^must be /, ''));
    const kept = meant ?? [{ ...union, message: types.length === 0 ? union.message : `must be ${types.join(' or ')}` }];
    left = left.flatMap((error) => {
      if (error === union) return kept;
      return error.schemaPath.startsWith(inside) ? [] : [error];
    });
  }
  return left;
}

const isOtherType = (error: SchemaError, { instancePath }: SchemaError): boolean =>
  error.instancePath === instancePath && (error.keyword === 'type' || error.keyword === 'const' || error.keyword === 'enum');
