/** What a service writes of the properties that every object has got since its start; see `tell-pollution.ts`. */
export function pollutionLine(properties: readonly string[]): string {
  return `fault: every object has got ${JSON.stringify(properties)}\n`;
}

/** The properties that a log tells of; undefined when it tells nothing of them. */
export function readPollution(log: string): string[] | undefined {
  const told = /fault: every object has got (\[.*\])\n/.exec(log)?.[1];
  return told === undefined ? undefined : (JSON.parse(told) as string[]);
}
