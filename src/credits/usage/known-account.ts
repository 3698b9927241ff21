import { GatewayError } from '../../kit/errors.js';

export type KnownAccountDeps = {
  /** The account of that id, else of that username, else of that e-mail (`resolveAccount`). */
  readonly resolveAccount: (text: string) => Promise<{ readonly accountId: string } | 'ambiguous' | null>;
};

/**
 * The account that a supervisor names, or null for an unknown name (docs/contracts/accounting-service.md#target-users).
 *
 * @throws GatewayError conflict when several users have the name, ledger_unavailable.
 */
export async function knownAccount({ resolveAccount }: KnownAccountDeps, text: string): Promise<string | null> {
  const found = await resolveAccount(text);
  if (found === 'ambiguous') {
    throw new GatewayError('conflict', `'${text}' names several users; use the user id`, {
      sources: [{ path: 'path.userId', message: 'is ambiguous' }],
    });
  }
  return found?.accountId ?? null;
}
