/** Names of layers where there is little room for them. */

/** Names without what most dotted ones begin with: "layer1.0.conv1" beside "layer2.0.conv1" is 1.0.conv1. */
export function shortNames(labels: readonly string[]): string[] {
  const stemOf = (label: string): string => (/[./]/.test(label) ? label.split(/[./]/)[0].replace(/\d+$/, "") : ""), stems = new Map<string, string[]>();
  for (const label of labels) if (stemOf(label)) stems.set(stemOf(label), [...stems.get(stemOf(label)) ?? [], label]);
  const [stem, dotted] = [...stems].sort((a, b) => b[1].length - a[1].length)[0] ?? ["", []], [first = ""] = dotted;
  let same = 0;
  while (same < first.length && dotted.every((label) => label[same] === first[same])) same++;
  while (same > 0 && !/[./]/.test(first[same - 1]) && !dotted.every((label) => /\d/.test(label[same] ?? ""))) same--;
  const short = labels.map((label) => (dotted.length > 1 && stemOf(label) === stem ? label.slice(same) : label));
  return short.every(Boolean) && new Set(short).size === short.length ? short : [...labels];
}

/** What stands for what was left out of a name. */
const LEFT_OUT = "…";

/**
 * Names as they stand in so much room: whole where all of them fit, then without what they have in common, then cut, in such a way that they stay different.
 * @param room of a name, by its place
 */
export function namesWithin(labels: readonly string[], room: (at: number) => number, width: (text: string) => number): string[] {
  const fits = (text: string, at: number): boolean => width(text) <= room(at), short = shortNames(labels);
  if (labels.every(fits)) return [...labels];
  const ends = short.map((name, at) => (fits(name, at) ? name : cut(name, 0, (text) => fits(text, at)))), shown = [...ends];
  const alike = new Map<string, number[]>();
  ends.forEach((end, at) => alike.set(end, [...alike.get(end) ?? [], at]));
  for (const group of alike.values()) {
    if (group.length < 2) continue;
    const longest = Math.max(...group.map((at) => short[at].length));
    for (let head = 1; head < longest; head++) {
      const tried = group.map((at) => (fits(short[at], at) ? short[at] : cut(short[at], head, (text) => fits(text, at))));
      if (new Set(tried).size < group.length || tried.some((text) => ends.includes(text))) continue;
      group.forEach((at, i) => { shown[at] = tried[i]; });
      break;
    }
  }
  return shown;
}

/** The beginning of a name and as much of its end as fits. */
function cut(name: string, head: number, fits: (text: string) => boolean): string {
  for (let from = head + 1; from < name.length; from++) {
    const text = name.slice(0, head) + LEFT_OUT + name.slice(from);
    if (fits(text)) return text;
  }
  return LEFT_OUT + name.slice(-1);
}

/** Measures texts as wide as names are in tables. */
export function nameWidths(): (text: string) => number {
  const context = document.createElement("canvas").getContext("2d"), known = new Map<string, number>();
  if (!context) return () => 0;
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return (text) => {
    const width = known.get(text) ?? Math.ceil(context.measureText(text).width) + 2;
    known.set(text, width);
    return width;
  };
}
