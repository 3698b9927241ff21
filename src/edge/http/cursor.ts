/** The place where a page of a list ended, as callers give it back: opaque to them, but no secret and not signed. */
export const writeCursor = (position: readonly unknown[]): string => Buffer.from(JSON.stringify(position)).toString('base64url');

/** What a cursor says, or null when it is none of ours. Whoever reads it checks its parts. */
export function readCursor(cursor: string): readonly unknown[] | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
