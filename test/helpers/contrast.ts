/** Contrast of two colours of 8 bits a channel, as WCAG defines it. */
export function contrast(a: readonly number[], b: readonly number[]): number {
  const [darker, lighter] = [a, b].map(luminance).sort((x, y) => x - y);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: readonly number[]): number {
  const [r, g, b] = colour.map((level) => (level / 255 <= 0.04045 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
