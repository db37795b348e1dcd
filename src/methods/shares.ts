/** Something in a file that weights are made of, a tensor or a node: its bytes, what uses it, and how many of their codes or scales lie in the pools that it makes. */
export interface Part<L> { bytes: number; users: ReadonlySet<L>; pools?: ReadonlySet<Pooled<L>> }

/** How many of a pool's codes or scales are a layer's. */
export type Pooled<L> = ReadonlyMap<L, number>;

/**
 * The rule by which the bytes of a file are divided among its layers, and so the one behind all bits per weight, of plans as of files: each tensor and node that a weight is made of
 * counts once. What one layer alone uses is that layer's. A pool of codes or scales, with what unpacks it and nothing else, is divided by how many of them each layer has; all else that several use
 * (a codebook in common, constants that several pools need) is divided evenly among these.
 */
export function dividedBytes<L>(parts: Iterable<Part<L>>): Map<L, number> {
  const divided = new Map<L, number>();
  for (const { bytes, users, pools } of parts) {
    const [only] = pools?.size === 1 && users.size > 1 ? pools : [], pool = only && [...users].every((user) => only.has(user)) ? only : undefined;
    let whole = 0;
    if (pool) for (const user of users) whole += pool.get(user)!;
    for (const user of users) divided.set(user, (divided.get(user) ?? 0) + bytes * (pool && whole > 0 ? pool.get(user)! / whole : 1 / users.size));
  }
  return divided;
}
