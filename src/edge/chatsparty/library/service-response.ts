import { GatewayError } from '../../../kit/errors.js';

/** What every method of seed 004's services answers: look at `success` before `data`. */
export interface ServiceResponse<T> {
  readonly success: boolean;
  readonly data?: T;
  readonly error?: string;
}

/**
 * Runs a method. What a caller can meet becomes an `error` in its words; a bug becomes `fallback`, and is told to
 * `onError`, because nothing may tell callers of the inside and nothing may be swallowed.
 */
export async function respond<T>(fallback: string, onError: (error: unknown) => void, work: () => Promise<T>): Promise<ServiceResponse<T>> {
  try {
    return { success: true, data: await work() };
  } catch (error) {
    if (error instanceof GatewayError) return { success: false, error: error.message };
    onError(error);
    return { success: false, error: fallback };
  }
}
