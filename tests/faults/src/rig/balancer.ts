import type { Random } from "./random.ts";
import type { SupervisedService } from "./supervised-service.ts";

const LOOK_EVERY_MS = 100;

async function isReady(service: SupervisedService): Promise<boolean> {
  const signal = AbortSignal.timeout(2_000);
  const response = await fetch(`${service.url}/readyz`, { signal }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status === 200;
}

/** Picks among the services that say they are ready, as a load balancer before them does. */
export class Balancer implements Disposable {
  #services: SupervisedService[];
  #random: Random;
  #ready: SupervisedService[];
  #stopped = false;

  constructor(services: SupervisedService[], random: Random) {
    this.#services = services;
    this.#random = random;
    this.#ready = services;
    for (const service of services) void this.#watch(service);
  }

  /** URL of one of them; of any when none is ready. */
  pick = (): string => this.#random.pick(this.#ready.length > 0 ? this.#ready : this.#services).url;

  [Symbol.dispose](): void {
    this.#stopped = true;
  }

  async #watch(service: SupervisedService): Promise<void> {
    while (!this.#stopped) {
      const ready = await isReady(service);
      const others = this.#ready.filter((one) => one !== service);
      this.#ready = ready ? [...others, service] : others;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}
