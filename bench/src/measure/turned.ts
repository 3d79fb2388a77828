function haveCommonDivisor(a: number, b: number): boolean {
  return b === 0 ? a > 1 : haveCommonDivisor(b, a % b);
}

/** The items in an order of each round's own: it begins with another one, and each has another one before it. */
export function turned<T>(items: T[], round: number): T[] {
  const { length } = items;
  const steps = items.map((_, step) => step).filter((step) => step > 0 && !haveCommonDivisor(length, step));
  const step = steps[round % steps.length] ?? 1;
  return items.map((_, place) => items[(round + place * step) % length] as T);
}
