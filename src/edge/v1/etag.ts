import Type from 'typebox';
import { GatewayError, invalid } from '../../kit/errors.js';
import type { Precondition } from '../../kit/precondition.js';
import type { GatewayContext } from '../http/context.js';

/** Declares that a change may be bound to the version that the caller knows: `headers: { ...ConditionHeaders }`. */
export const ConditionHeaders = {
  'If-Match': Type.Optional(Type.String({ description: 'the `ETag` that was read, or `*` for any: 412 when it is another one by now' })),
  'If-None-Match': Type.Optional(Type.String({ description: '`*`: only if there is none yet' })),
};

const TAG = /^(?:W\/)?"(\d{1,16})"$/;

/** What the headers of a change ask of the current version. @throws GatewayError invalid_request for what is no ETag of ours. */
export function preconditionOf(ctx: GatewayContext): Precondition {
  const [match, noneMatch] = [ctx.get('If-Match').trim(), ctx.get('If-None-Match').trim()];
  if (noneMatch !== '' && noneMatch !== '*') throw invalid('header.If-None-Match', 'must be *');
  const tags = match === '' || match === '*' ? [] : match.split(',').map((each) => TAG.exec(each.trim())?.[1]);
  if (tags.includes(undefined)) throw invalid('header.If-Match', 'must be an ETag that was read, or *');
  return (current) => {
    if (noneMatch === '*' && current !== null) throw new GatewayError('precondition_failed', 'it exists already');
    if (match === '') return;
    if (current === null) throw new GatewayError('precondition_failed', 'it does not exist');
    if (match !== '*' && !tags.includes(String(current))) {
      throw new GatewayError('precondition_failed', 'it has changed since it was read');
    }
  };
}

export const setEtag = (ctx: GatewayContext, version: number): void => { ctx.set('ETag', `"${version}"`); };
