/**
 * JSON of a parsed JSON value with the members of every object in one order, so that the same content is the same text.
 * Members that are undefined are left out. Fingerprints are made of it: it must write the same in every version.
 */
export function sortedJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((each) => (each === undefined ? 'null' : sortedJson(each))).join(',')}]`;
  const object = value as Readonly<Record<string, unknown>>;
  const names: string[] = [];
  let mayHaveIndex = false;
  // What is undefined is left out before it costs anything: fingerprints of requests have many of them.
  for (const name of Object.keys(object)) {
    if (object[name] === undefined) continue;
    names.push(name);
    const first = name.charCodeAt(0);
    mayHaveIndex ||= first >= DIGIT_0 && first <= DIGIT_9;
  }
  sort(names);
  // Names that are array indexes come first, by number: where objects have them.
  if (mayHaveIndex) names.sort((a, b) => rankOf(a) - rankOf(b));
  let json = '';
  for (const name of names) json += `${json === '' ? '{' : ','}${JSON.stringify(name)}:${sortedJson(object[name])}`;
  return json === '' ? '{}' : `${json}}`;
}

const FEW = 16;

/** By UTF-16 units, as the built-in sort does, which takes several times as long for the few names of a request. */
function sort(names: string[]): void {
  if (names.length > FEW) {
    names.sort();
    return;
  }
  for (let index = 1; index < names.length; index += 1) {
    const name = names[index] ?? '';
    let at = index;
    for (let before = names[at - 1]; before !== undefined && before > name; before = names[at - 1]) {
      names[at] = before;
      at -= 1;
    }
    names[at] = name;
  }
}

const [DIGIT_0, DIGIT_9] = [0x30, 0x39];
const INDEX = /^(?:0|[1-9]\d{0,9})$/;
/** The largest index is 2^32 - 2. */
const INDEX_END = 4_294_967_295;
const rankOf = (name: string): number => (INDEX.test(name) ? Math.min(Number(name), INDEX_END) : INDEX_END);
