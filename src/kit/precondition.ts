/**
 * Checks the version of a resource that is about to change against what the caller said of it; null: there is none. Runs under
 * the lock of the change. @throws GatewayError precondition_failed
 */
export type Precondition = (current: number | string | null) => void;

/** The caller said nothing. */
export const unconditional: Precondition = () => undefined;
