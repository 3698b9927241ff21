import { GatewayError } from '../../kit/errors.js';

/** The refusal of every change of a frozen account. `advice`: what its caller can do about it. */
export const accountFrozen = (advice = 'ask an administrator'): GatewayError =>
  new GatewayError('account_frozen', `the account is frozen; ${advice}`);
