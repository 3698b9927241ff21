/** Account ids that issuers mint, or that code which composes keys, paths, pages or statements could misread. */
export const AWKWARD_IDS: readonly string[] = [
  'us-east-1:9f3c', 'f:9f3c:jdoe', 'did:web:example.com', "o'brien@example.com", 'm\u00fcller', 'mu\u0308ller', '\ud83d\ude42'.repeat(255),
  '\ud83d\udc69\u200d\ud83d\ude80', 'a%3Ab', 'a:b', '{s01}', '../x', 'a/b', 'a b', ' a ', '*', '[x]', '?', '"a"', '<b>&amp;', '__proto__',
  'constructor', 'a\tb\nc', '\u001b[31m', '%', 'a%', '+', 'a\\b', 'null', "'; drop table accounts; --",
];
