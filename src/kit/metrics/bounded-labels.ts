import { LABEL_LENGTH_MAX } from '../limits.js';

/** Maps a name from outside to its label. */
export type LabelOf = (name: string) => string;

/** The label of unknown names. */
const UNKNOWN_LABEL = 'unknown';
const OTHER_LABEL = 'other';

export type BoundedLabelsDeps = {
  /** Names that get a label of their own; later ones are `other`. */
  readonly max: number;
  /** Whether the name is in a source that callers cannot write to. Other names are `unknown`, so that junk uses up no label. */
  readonly isKnown: (name: string) => boolean;
};

/** Control characters, and characters that only change how the text around them is displayed. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Labels for names that callers choose: at most `max` names, `other` and `unknown`. A process keeps its labels as long as
 * it runs, because a series that changed its meaning would be worse than one more name under `other`.
 */
export function boundedLabels({ max, isKnown }: BoundedLabelsDeps): LabelOf {
  const kept = new Map<string, string>();
  return (name) => {
    const label = kept.get(name);
    if (label !== undefined) return label;
    if (name === '' || !isKnown(name)) return UNKNOWN_LABEL;
    if (kept.size >= max) return OTHER_LABEL;
    const cleaned = cut(name.replace(INVISIBLE, '_'));
    kept.set(name, cleaned);
    return cleaned;
  };
}

/** Cuts between characters, never within one. */
const cut = (text: string): string => Array.from(text).slice(0, LABEL_LENGTH_MAX).join('');
