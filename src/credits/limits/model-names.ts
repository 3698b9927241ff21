import type { Ledger } from '../../ledger/ledger.js';
import type { Spending } from '../../ledger/limits.js';

/** The name under which a price book has a model, by the rules for names of models; null: none has it. */
type EntryName = (model: string) => string | null;

/**
 * The ledger, told every name of a model that an operation is on: the names that the caller knows, and those that the price books
 * have for them. So a limit, or a restriction of a lot, holds in every API however the model is named.
 */
export function withModelNames(ledger: Ledger, entryName: EntryName): Ledger {
  const all = (models: readonly string[]): string[] => [...new Set([...models, ...models.flatMap((model) => entryName(model) ?? [])])];
  const named = (spending: Spending): Spending => {
    const { model, otherModels = [] } = spending;
    return model === undefined || model === '' ? spending : { ...spending, otherModels: all([model, ...otherModels]).slice(1) };
  };
  const known = <Command extends { readonly spending?: Spending | undefined }>(command: Command): Command =>
    (command.spending?.model === undefined ? command : { ...command, spending: named(command.spending) });
  return {
    ...ledger,
    placeHold: (command) => ledger.placeHold(known(command)),
    placeHolds: (commands, tell) => ledger.placeHolds(commands.map(known), tell),
    charge: (command) => ledger.charge(known(command)),
    settleHold: (command) => ledger.settleHold(command.models === undefined ? command : { ...command, models: all(command.models) }),
    readLimits: (accountId, spending) => ledger.readLimits(accountId, named(spending)),
  };
}
