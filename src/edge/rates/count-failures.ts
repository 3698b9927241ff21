/** Authenticates, and tells `failed` of what was thrown: it counts guesses, and throws that or rate_limited (rates.ts). */
export function countFailures<T>(authenticate: () => T | Promise<T>, failed: ((error: unknown) => never) | undefined): T | Promise<T> {
  const told = (error: unknown): never => {
    failed?.(error);
    throw error;
  };
  try {
    const caller = authenticate();
    return caller instanceof Promise ? caller.catch(told) : caller;
  } catch (error) {
    return told(error);
  }
}
