/** The name that somebody who typed another one will have meant: at most two letters are wrong, missing or exchanged, in short names one. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const most = typed.length < 5 ? 1 : 2;
  let best: string | undefined, least = most + 1;
  for (const name of names) {
    const edits = editsBetween(typed, name);
    if (edits < least) [best, least] = [name, edits];
  }
  return best;
}

/** How many letters have to be put in, taken out, replaced, or exchanged with the next one. */
function editsBetween(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2][j - 2] + 1 : Infinity;
      row.push(Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1), exchanged));
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}
