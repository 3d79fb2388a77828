/** One thing that a process needs; resolves when it answers, throws when it does not. */
export type HealthCheck = () => Promise<unknown>;

export interface Readiness {
  status: "ready" | "not_ready";
  checks: Record<string, "ok" | "failing">;
}

const CHECK_TIMEOUT_MS = 2_000;

async function within(check: HealthCheck): Promise<"ok" | "failing"> {
  const { promise, resolve } = Promise.withResolvers<"failing">();
  const timer = setTimeout(() => resolve("failing"), CHECK_TIMEOUT_MS);
  try {
    return await Promise.race([
      check().then(
        () => "ok" as const,
        () => "failing" as const,
      ),
      promise,
    ]);
  } finally {
    clearTimeout(timer);
  }
}

/** Readiness of a process: a real round trip to each thing it needs, and not ready once it is stopping. */
export class Health {
  #checks: Record<string, HealthCheck>;
  #stopping = false;

  constructor(checks: Record<string, HealthCheck>) {
    this.#checks = checks;
  }

  /** From now on not ready: load balancers look elsewhere. */
  stop(): void {
    this.#stopping = true;
  }

  async read(): Promise<Readiness> {
    const names = Object.keys(this.#checks);
    const results = await Promise.all(Object.values(this.#checks).map(within));
    const checks = Object.fromEntries(names.map((name, index) => [name, results[index] ?? "failing"]));
    const ready = !this.#stopping && results.every((result) => result === "ok");
    return { status: ready ? "ready" : "not_ready", checks };
  }
}
