import { readResources } from "./process-resources.ts";
import type { SupervisedService } from "./supervised-service.ts";

const EVERY_MS = 20;

/** Watches what the services hold of the memory, from now until it is disposed of. */
export class MemoryWatch implements Disposable {
  #services: readonly SupervisedService[];
  #start: Map<string, number>;
  #most = 0;
  #timer: NodeJS.Timeout;

  constructor(services: readonly SupervisedService[]) {
    this.#services = services;
    this.#start = new Map(services.map((service) => [service.name, this.#bytes(service)]));
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  /** The most that one of them held more than at the start. */
  get mostBytes(): number {
    this.#look();
    return this.#most;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #bytes(service: SupervisedService): number {
    return readResources(service.pid)?.residentBytes ?? 0;
  }

  #look(): void {
    for (const service of this.#services) {
      this.#most = Math.max(this.#most, this.#bytes(service) - (this.#start.get(service.name) ?? 0));
    }
  }
}
