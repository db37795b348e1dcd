/** Lines across between two ranks: each gets a height, its track, so that as few lines as possible cross. */

/** All lines that leave one node, or go on from one place of a long edge, in the gap below it: down from `top`, across, down to the `bottoms`. */
export interface Net { source: number; top: number; bottoms: number[]; low: number; high: number; track: number }

/** Lines on one track are at least so far apart. */
const APART = 4;
/** Of more lines than this in one gap not every two are looked at. */
const MANY = 200;

/** The nets in the gap below each rank. Edges run through the nodes of `chains` at `columns`; the last step of those `atSide` is not in a gap. */
export function netsOf(chains: readonly number[][], columns: readonly number[][], rank: ArrayLike<number>, atSide: readonly boolean[]): Net[][] {
  const nets: Net[][] = [], bySource = new Map<number, Net>();
  chains.forEach((chain, e) => {
    for (let i = 1; i < chain.length - (atSide[e] ? 1 : 0); i++) {
      const top = columns[e][i - 1], bottom = columns[e][i], source = chain[i - 1];
      if (top === bottom) continue;
      let net = bySource.get(source);
      if (!net) {
        bySource.set(source, net = { source, top, bottoms: [], low: top, high: top, track: -1 });
        (nets[rank[source]] ??= []).push(net);
      }
      net.bottoms.push(bottom);
      net.low = Math.min(net.low, bottom);
      net.high = Math.max(net.high, bottom);
    }
  });
  return nets;
}

/** Gives every net of one gap its track, the highest first, and tells how many there are. */
export function assignTracks(nets: Net[]): number {
  // what leads to the right is drawn from the right to the left, and the other way round: so neighbours that do not have to cross do not
  nets.sort((a, b) => Number(isLeftward(a)) - Number(isLeftward(b)) || (isLeftward(a) ? a.top - b.top : b.top - a.top));
  const above: number[][] = nets.map(() => []);
  if (nets.length <= MANY) {
    for (let i = 0; i < nets.length; i++) for (let j = 0; j < i; j++) {
      if (!meet(nets[i], nets[j])) continue;
      const cost = crossed(nets[i], nets[j]) - crossed(nets[j], nets[i]);
      if (cost < 0) above[j].push(i);
      else if (cost > 0) above[i].push(j);
    }
  }
  const taken: Net[][] = [];
  for (const i of inOrder(above)) {
    const net = nets[i];
    net.track = above[i].reduce((track, j) => Math.max(track, nets[j].track + 1), 0);
    while (taken[net.track]?.some((other) => meet(net, other))) net.track++;
    (taken[net.track] ??= []).push(net);
  }
  return taken.length;
}

const isLeftward = ({ low, high, top }: Net): boolean => top - low > high - top;
const meet = (a: Net, b: Net): boolean => a.low - APART <= b.high && b.low - APART <= a.high;
/** Crossings where the first is above the second. */
function crossed(a: Net, b: Net): number {
  let count = b.top > a.low && b.top < a.high ? 1 : 0;
  for (const x of a.bottoms) if (x > b.low && x < b.high) count++;
  return count;
}

/** An order in which each stands behind what is above it; where wishes run in a circle, the one with the fewest open goes first. */
function inOrder(above: readonly number[][]): number[] {
  const open = above.map(({ length }) => length), below: number[][] = above.map(() => []), order: number[] = [], done = new Uint8Array(above.length);
  above.forEach((some, i) => { for (const j of some) below[j].push(i); });
  while (order.length < above.length) {
    let next = -1;
    for (let i = 0; i < above.length; i++) if (!done[i] && (next < 0 || open[i] < open[next])) next = i;
    done[next] = 1;
    order.push(next);
    for (const i of below[next]) open[i]--;
  }
  return order;
}
