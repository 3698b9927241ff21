/** Slots of a Redis Cluster. */
export const SLOTS = 16_384;

const CRC16_POLYNOMIAL = 0x1021;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ CRC16_POLYNOMIAL;
  return crc & 0xffff;
});

/** CRC16 as in the specification of Redis Cluster (XMODEM). */
function crc16(text: string): number {
  let crc = 0;
  for (const byte of Buffer.from(text)) crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] ?? 0);
  return crc;
}

/** Slots of hash tags: those of the ledger are as many as its shards. */
const known = new Map<string, number>();
const KNOWN_MAX = 10_000;

/** The slot of a key: of its hash tag, where it has one. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  const isTagged = close > open + 1;
  if (!isTagged) return crc16(key) % SLOTS;
  const tag = key.slice(open + 1, close);
  const found = known.get(tag);
  if (found !== undefined) return found;
  const slot = crc16(tag) % SLOTS;
  if (known.size < KNOWN_MAX) known.set(tag, slot);
  return slot;
}
