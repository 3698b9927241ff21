import { NotMeteredError } from './metering.js';

/** What `withResponse` of the `openai` client gives. */
export type Answer<T> = { readonly data: T; readonly response: Response; readonly request_id: string | null };

/** The answer of a metered call, with the methods of the `APIPromise` of the `openai` client. */
export class MeteredPromise<T> extends Promise<T> {
  readonly #answer: Promise<Answer<T>>;
  #data: Promise<T> | undefined;

  constructor(answer: Promise<Answer<T>>) {
    // What is awaited is the answer, by the methods below.
    super((resolve) => { resolve(undefined as T); });
    this.#answer = answer;
  }

  static override get [Symbol.species](): PromiseConstructor { return Promise; }

  withResponse(): Promise<Answer<T>> { return this.#answer; }

  /** Refused: who reads the body itself would not be metered. */
  asResponse(): Promise<Response> {
    // The answer may be a stream, whose lease ends when it is not kept.
    return this.#answer.then(({ data }) => {
      (data as { readonly controller?: AbortController } | null)?.controller?.abort();
      throw new NotMeteredError('asResponse', 'a metered call has no raw answer: use withResponse');
    });
  }

  _thenUnwrap<U>(transform: (data: T, props: { readonly response: Response }) => U): MeteredPromise<U> {
    return new MeteredPromise(this.#answer.then((answer) => ({ ...answer, data: transform(answer.data, answer) })));
  }

  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null, onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#data ??= this.#answer.then(({ data }) => data);
    return this.#data.then(onFulfilled, onRejected);
  }

  override catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, onRejected);
  }

  override finally(onFinally?: (() => void) | null): Promise<T> { return this.then().finally(onFinally); }
}
