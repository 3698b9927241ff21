/** Horizontal bars of one or several values each, as SVG. */
export type Plot = {
  /** The name of its file below bench/results, without the ending. */
  readonly file: string;
  readonly title: string;
  readonly bars: readonly { readonly name: string; readonly values: Readonly<Record<string, number>> }[];
};

const COLOURS = ['#2f6f9f', '#c8553d', '#e0a458', '#6b8f71', '#7b6d8d'];
const colourOf = (which: number): string => COLOURS[which % COLOURS.length] ?? '';
const [WIDTH, LEFT, RIGHT, TOP, BAR, GAP, LEGEND] = [860, 250, 70, 44, 22, 12, 26];

export function svgOf({ title, bars }: Plot): string {
  const labels = [...new Set(bars.flatMap(({ values }) => Object.keys(values)))];
  const total = (values: Readonly<Record<string, number>>): number => Object.values(values).reduce((sum, value) => sum + value, 0);
  const scale = (WIDTH - LEFT - RIGHT) / Math.max(...bars.map(({ values }) => total(values)));
  const legend = labels.length > 1 ? LEGEND : 0;
  const height = TOP + legend + bars.length * (BAR + GAP) + GAP;
  const lines = bars.flatMap(({ name, values }, index) => {
    const y = TOP + legend + index * (BAR + GAP);
    let x = LEFT;
    const parts = labels.map((label, which) => {
      const width = (values[label] ?? 0) * scale;
      const part = `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" fill="${colourOf(which)}"/>`;
      x += width;
      return part;
    });
    return [
      `<text x="${LEFT - 10}" y="${y + 16}" text-anchor="end">${escaped(name)}</text>`, ...parts,
      `<text x="${(x + 6).toFixed(1)}" y="${y + 16}">${total(values).toFixed(0)}</text>`,
    ];
  });
  const keys = legend === 0 ? [] : labels.flatMap((label, which) => [
    `<rect x="${LEFT + which * 110}" y="${TOP - 6}" width="12" height="12" fill="${colourOf(which)}"/>`,
    `<text x="${LEFT + which * 110 + 18}" y="${TOP + 5}">${escaped(label)}</text>`,
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`
      + ' font-family="sans-serif" font-size="13">',
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="14" y="24" font-size="15" font-weight="bold">${escaped(title)}</text>`,
    ...keys, ...lines, '</svg>', '',
  ].join('\n');
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
