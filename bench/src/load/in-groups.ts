/** Browsers do not come all in the same millisecond. */
const AT_ONCE = 100;

/** Does something so many times, a hundred at once; the results in order. */
export async function inGroups<T>(count: number, work: (number: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let from = 0; from < count; from += AT_ONCE) {
    const size = Math.min(AT_ONCE, count - from);
    results.push(...(await Promise.all(Array.from({ length: size }, (_, index) => work(from + index)))));
  }
  return results;
}
