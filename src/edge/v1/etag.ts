import Type from 'typebox';
import { GatewayError, invalid } from '../../kit/errors.js';
import type { Precondition } from '../../kit/precondition.js';
import type { GatewayContext } from '../http/context.js';

/** Declares that a change may be bound to the version that the caller knows: `headers: { ...ConditionHeaders }`. */
export const ConditionHeaders = {
  'If-Match': Type.Optional(Type.String({ description: 'the `ETag` that was read, or `*` for any: 412 when it is another one by now' })),
  'If-None-Match': Type.Optional(Type.String({ description: '`*`: only if there is none yet' })),
};

/** An entity tag of RFC 9110. Commas may be inside of it. */
const TAGS = /(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g;

type Tag = { readonly isWeak: boolean; readonly text: string };
type Condition = { readonly isAny: boolean; readonly tags: readonly Tag[] } | null;

/**
 * What the headers of a change ask of the current version (RFC 9110, 13.1.1 and 13.1.2): `If-Match` compares strongly, so a weak
 * tag matches nothing; `If-None-Match` compares weakly.
 *
 * @throws GatewayError invalid_request for what is no list of entity tags.
 */
export function preconditionOf(ctx: GatewayContext): Precondition {
  const [match, noneMatch] = [conditionIn(ctx, 'If-Match'), conditionIn(ctx, 'If-None-Match')];
  return (current) => {
    if (match !== null && current === null) throw failed('it does not exist');
    if (match !== null && !match.isAny && !match.tags.some(({ isWeak, text }) => !isWeak && text === String(current))) {
      throw failed('it has changed since it was read');
    }
    if (noneMatch === null || current === null) return;
    if (noneMatch.isAny) throw failed('it exists already');
    if (noneMatch.tags.some(({ text }) => text === String(current))) throw failed('it is the version of If-None-Match');
  };
}

/** The version of the resource that is answered, which is strong: `If-Match` takes it back. */
export const setEtag = (ctx: GatewayContext, version: number | string): void => { ctx.set('ETag', `"${version}"`); };

function conditionIn(ctx: GatewayContext, name: keyof typeof ConditionHeaders): Condition {
  if (ctx.req.headers[name === 'If-Match' ? 'if-match' : 'if-none-match'] === undefined) return null;
  const text = ctx.get(name).trim();
  if (text === '*') return { isAny: true, tags: [] };
  const tags = [...text.matchAll(TAGS)].map(([, weak, tag = '']): Tag => ({ isWeak: weak !== undefined, text: tag }));
  const isList = tags.length > 0 && /^[\s,]*$/.test(text.replaceAll(TAGS, ''));
  if (!isList) throw invalid(`header.${name}`, 'must be an ETag that was read, or *');
  return { isAny: false, tags };
}

const failed = (message: string): GatewayError => new GatewayError('precondition_failed', message);
