import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { SupervisedService } from "./supervised-service.ts";

/** What a service writes when it tries to connect to the port. */
export function connectionLine(port: number): string {
  return `fault: connects to port ${port}\n`;
}

/** Configuration with which services tell of the connections that they try to make. */
export const COUNTING_CONNECTIONS = {
  NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, "count-connections.ts")).href}`,
};

/** How often the service has tried to connect to n8n, refused or not; of a world that counts connections. */
export function connectionsTried(service: SupervisedService): number {
  const line = connectionLine(Number(new URL(service.n8n.url).port));
  return service.output().split(line).length - 1;
}
