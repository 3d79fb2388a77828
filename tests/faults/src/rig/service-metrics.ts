import type { SupervisedService } from "./supervised-service.ts";

/** Value of a gauge or counter that the service tells now, whatever its labels; throws when it tells of no such metric. */
export async function readMetric(service: SupervisedService, name: string): Promise<number> {
  const response = await fetch(`${service.url}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const values = (await response.text()).split("\n").flatMap((line) => {
    const [, sample, value] = /^([a-z_]+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
    return sample === name ? [Number(value)] : [];
  });
  if (values.length === 0) throw new Error(`${service.name} has no metric ${name}`);
  return values.reduce((sum, value) => sum + value, 0);
}

/** The same, added up over the services. */
export async function sumMetric(services: readonly SupervisedService[], name: string): Promise<number> {
  const values = await Promise.all(services.map((service) => readMetric(service, name)));
  return values.reduce((sum, value) => sum + value, 0);
}
