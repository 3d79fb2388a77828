const MIB = 1_024 ** 2;
const COLLECTION = /\] +\d+ ms: (?:Scavenge|Mark-Compact)[^0-9]* ([\d.]+) \([\d.]+\) -> ([\d.]+) \([\d.]+\) MB/g;

/** Bytes of objects that were made between the first and the last garbage collection of which `--trace-gc` tells in `log`. */
export function allocatedBytes(log: string): number {
  const collections = [...log.matchAll(COLLECTION)].map(([, before, after]) => ({
    before: Number(before),
    after: Number(after),
  }));
  const made = collections.slice(1).map(({ before }, index) => before - (collections[index]?.after ?? before));
  return made.reduce((sum, mib) => sum + mib, 0) * MIB;
}
