/**
 * Values that are in documentation, in the clients of the original services, or in everybody's examples. Whoever knows them can
 * act as every user, so a gateway that is reached by others does not start with one.
 */
const WELL_KNOWN: readonly RegExp[] = [
  /^your[-_ ]?(super[-_ ]?)?(secret|jwt|access|server|api|key)/i, /change[-_ ]?(me|this|it)/i, /place[-_ ]?holder/i, /^<.*>$/,
  /^(super[-_ ]?)?(secret|password|test|example|default|dev|development)([-_ ]?(secret|key|token|password))*[-_ ]?\d*$/i,
];

export const isWellKnown = (secret: string): boolean => WELL_KNOWN.some((pattern) => pattern.test(secret));
