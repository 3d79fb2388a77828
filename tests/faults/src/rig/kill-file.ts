/** Name of the file that arms a kill point. */
export function killFile(point: string): string {
  return `${point.replaceAll(/[^a-z0-9]+/gi, "-")}.armed`;
}
