/** What may be empty in a run of a minute on a machine like this, and why. Whatever else is empty is wrong. */
const ALLOWED: readonly { readonly expr: RegExp; readonly reason: string }[] = [];

/** Why this expression may have no answer; undefined: it must have one. */
export const whyEmpty = (expr: string): string | undefined => ALLOWED.find((each) => each.expr.test(expr))?.reason;
