const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * The text of bytes, without a byte order mark; null when they are not UTF-8. Never a replacement character for bytes that
 * are something else: two ids that differ only in such bytes would become one.
 */
export function utf8Text(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return null;
    throw error;
  }
}
