import type { Answer } from '../../support/fake-gateway.js';
import type { SeedLab } from './lab.js';

export type Operation = { readonly modelId: string; readonly tokens: number };
export type Reply = {
  readonly status: 'success' | 'error';
  readonly message: string;
  readonly result?: object;
  readonly creditsDeducted?: number;
};

export type PrimaryServiceOptions = {
  /** What the operation costs, where the service has logic of its own; else the gateway is asked. */
  readonly ownPrice?: (operation: Operation) => number;
  /** The operation itself. Throws when it fails. */
  readonly perform?: (operation: Operation) => string;
};

/** The Primary Service of seeds 000 and 001 (a Chat Service), and what it asked the gateway, in order. */
export class PrimaryService {
  readonly asked: string[] = [];
  performed = 0;
  readonly #call: SeedLab['call'];
  readonly #options: PrimaryServiceOptions;

  constructor(call: SeedLab['call'], options: PrimaryServiceOptions = {}) {
    this.#call = call;
    this.#options = options;
  }

  /** Steps 2 to 8 of seed 000, with the client's own token. */
  async request(token: string, operation: Operation): Promise<Reply> {
    const { ownPrice, perform = () => 'This is the AI-generated response.' } = this.#options;
    const balance = await this.#ask(200, 'GET', '/api/credits/balance', token);
    const requiredCredits = ownPrice?.(operation)
      ?? Number((await this.#ask(200, 'POST', '/api/credits/calculate', token, operation)).body['credits']);
    const isThere = Number(balance.body['totalCredits']) >= requiredCredits;
    const check = await this.#ask(200, 'POST', '/api/credits/check', token, { requiredCredits });
    if (check.body['sufficient'] !== isThere) throw new Error('the balance says one thing, the check another');
    if (!isThere) return { status: 'error', message: 'Operation Failed: Insufficient Credits' };

    let response: string;
    try {
      response = perform(operation);
    } catch {
      return { status: 'error', message: 'Operation Failed' };
    }
    this.performed += 1;
    await this.#ask(201, 'POST', '/api/usage/record', token, {
      service: 'chat', operation: `${operation.modelId}-message`, credits: requiredCredits,
      metadata: { tokensUsed: operation.tokens, modelId: operation.modelId },
    });
    return { status: 'success', message: 'Operation completed', result: { response }, creditsDeducted: requiredCredits };
  }

  async #ask(status: number, method: string, path: string, token: string, body?: object): Promise<Answer> {
    this.asked.push(`${method} ${path}`);
    const answer = await this.#call(method, path, token, body);
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }
}
