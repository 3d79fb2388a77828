import { waitFor } from "@chat-relay/testkit/wait-for";
import { readPollution } from "./pollution-line.ts";
import type { SupervisedService } from "./supervised-service.ts";
import { mustHold } from "./violation.ts";

/** The services' own objects are out of reach of what is sent. */
const UNPOLLUTED = "nothing that is sent becomes a property of all objects";

/** Asks each service what all its objects have got since its start. */
export async function checkPollution(services: readonly SupervisedService[]): Promise<void> {
  const asked = services.map((service) => ({ service, from: service.output().length }));
  for (const service of services) service.signal("SIGUSR2"); // see tell-pollution.ts
  const told = asked.map(async ({ service, from }) => {
    const read = () => readPollution(service.output().slice(from));
    const properties = await waitFor(`${service.name} to tell of its objects`, read);
    return properties.map((property) => `${service.name}: ${property}`);
  });
  mustHold(UNPOLLUTED, (await Promise.all(told)).flat());
}
