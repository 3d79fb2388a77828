import type { Broker } from "../engines/broker.ts";

/** What a run gives to a pipeline. */
export interface PipelineSetup {
  /** Of an empty database. */
  databaseUrl: string;
  broker: Broker | undefined;
  n8nUrl: string;
  secret: string;
  /** For logs. */
  folder: string;
}

/** A server of a running pipeline. */
export interface PipelineServer {
  name: string;
  pid: number;
}

/** One of its own processes. */
export interface PipelineProcess extends PipelineServer {
  logFile: string;
}

export interface RunningPipeline extends AsyncDisposable {
  /** Where visitors go. */
  gatewayPorts: number[];
  /** Where callbacks go, if elsewhere. */
  receiverUrl?: string;
  /** Its own processes; those of PostgreSQL and the broker not among them. */
  servers: PipelineProcess[];
}

/** One way from a visitor to n8n and back. */
export interface Pipeline {
  /** For `--only`. */
  name: string;
  title: string;
  broker: "nats" | "redis" | "none";
  /** The table that has each message and each reply. */
  table: string;
  start: (setup: PipelineSetup) => Promise<RunningPipeline>;
}
