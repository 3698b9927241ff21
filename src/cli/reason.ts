import { isStorable } from '../kit/ids.js';
import { NOTES_LENGTH_MAX } from '../kit/limits.js';
import { UsageError } from './output.js';

/** @throws UsageError for a reason that is empty, too long or cannot be stored */
export function requireReason(reason: string): void {
  if (reason.trim() !== '' && reason.length <= NOTES_LENGTH_MAX && isStorable(reason)) return;
  throw new UsageError(`--reason is empty, or longer than ${NOTES_LENGTH_MAX} characters: say why`);
}
