/** Errors in the shape of OpenAI's API, so that its clients throw what their users know. */

export type ErrorBody = { readonly message: string; readonly type: string; readonly code: string | null; readonly param: string | null };

/** An answer that is an error. Thrown anywhere, presented in one place. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: ErrorBody;
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, body: Partial<ErrorBody> & { readonly message: string }, retryAfterSeconds?: number) {
    super(body.message);
    this.status = status;
    this.body = { type: status < 500 ? 'invalid_request_error' : 'server_error', code: null, param: null, ...body };
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A 400 that names the member of the body. */
export const badMember = (param: string, message: string, code = 'invalid_value'): ApiError =>
  new ApiError(400, { message: `'${param}' ${message}`, code, param });

/** The upstream, not the caller, is at fault. */
export const upstreamError = (message: string, status = 502): ApiError =>
  new ApiError(status, { message, type: 'upstream_error', code: 'upstream_error' });
