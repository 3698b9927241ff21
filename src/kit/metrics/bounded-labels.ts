import { LABEL_LENGTH_MAX } from '../limits.js';

/** The label of a name that came from outside. */
export type LabelOf = (name: string) => string;

/** What is left of names that get no label of their own. */
const UNKNOWN_LABEL = 'unknown';
const OTHER_LABEL = 'other';

export type BoundedLabelsDeps = {
  /** Names that keep their own label; whoever comes later is `other`. */
  readonly max: number;
  /** Whether we know the name from somewhere callers cannot write to. Others are `unknown`, so that junk crowds nobody out. */
  readonly isKnown: (name: string) => boolean;
};

/** Control characters, and what only changes how the text around it is shown. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Labels for names that callers choose, at most `max` and two more. A process remembers them as long as it runs, because
 * a series that changed its meaning would be worse than one too many under `other`.
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

/** Not through the middle of a character. */
const cut = (text: string): string => Array.from(text).slice(0, LABEL_LENGTH_MAX).join('');
