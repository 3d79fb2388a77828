/** A message broker of one run of a pipeline. */
export interface Broker extends AsyncDisposable {
  name: "nats" | "redis";
  pid: number;
  url: string;
}

/** How brokers of one kind are started. */
export interface BrokerEngine {
  version: string;
  start(folder: string): Promise<Broker>;
}
