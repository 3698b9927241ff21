import { LABEL_LENGTH_MAX } from '../limits.js';

/** Maps a name from outside to its label. */
export type LabelOf = (name: string) => string;

/** The label of unknown names. */
const UNKNOWN_LABEL = 'unknown';
const OTHER_LABEL = 'other';

export type BoundedLabelsDeps = {
  /** Names that get a label of their own; later ones are `other`. */
  readonly max: number;
  /**
   * The entry that a name means in a source that callers cannot write to, or null. All names of one entry have one label;
   * other names are `unknown`, so that junk uses up no label.
   */
  readonly entryName: (name: string) => string | null;
};

/** Control characters, and characters that only change how the text around them is displayed. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Labels for names that callers choose: at most `max` names, `other` and `unknown`. A process keeps its labels as long as
 * it runs, because a series that changed its meaning would be worse than one more name under `other`.
 */
export function boundedLabels({ max, entryName }: BoundedLabelsDeps): LabelOf {
  const kept = new Map<string, string>();
  return (name) => {
    const entry = kept.has(name) ? name : entryName(name);
    if (entry === null || entry === '') return UNKNOWN_LABEL;
    const label = kept.get(entry);
    if (label !== undefined) return label;
    if (kept.size >= max) return OTHER_LABEL;
    const cleaned = cut(entry.replace(INVISIBLE, '_'));
    kept.set(entry, cleaned);
    return cleaned;
  };
}

/** Cuts between characters, never within one. */
const cut = (text: string): string => Array.from(text).slice(0, LABEL_LENGTH_MAX).join('');
