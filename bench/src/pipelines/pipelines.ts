import { chatRelayPipeline } from "./chat-relay-pipeline.ts";
import { peerPipeline } from "./peer-pipeline.ts";
import type { Pipeline } from "./pipeline.ts";

/** All that are compared, chat-relay first. */
export const PIPELINES: Pipeline[] = [
  chatRelayPipeline(),
  peerPipeline("inline", "n8n awaited inline, no queue", "none"),
  peerPipeline("bullmq", "BullMQ, appendfsync always", "redis"),
  peerPipeline("bullmq-grouped", "BullMQ with grouped statements", "redis"),
  peerPipeline("jetstream", "plain JetStream", "nats"),
  peerPipeline("graphile-worker", "graphile-worker", "none"),
  peerPipeline("pg-boss", "pg-boss", "none"),
  peerPipeline("polled-100ms", "table polled every 100 ms", "none"),
  peerPipeline("polled-5s", "table polled every 5 s", "none"),
];
