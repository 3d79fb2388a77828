// The sample bot: a process of its own that behaves like an n8n workflow. Reads CHAT_WEBHOOK_SECRET, CHAT_HOST,
// CHAT_SAMPLE_BOT_PORT, CHAT_SIGNATURE_TOLERANCE_MS and LOG_LEVEL.
import { formatConfigProblems, parseConfig } from "@chat-relay/core/config";
import { webhookKeys } from "@chat-relay/core/webhook-signature";
import { pino } from "pino";
import { createSampleBot } from "./sample-bot-server.ts";
import { botEnvironment } from "./sample-bot-environment.ts";

const parsed = parseConfig(botEnvironment(process.env));
if (!parsed.ok) {
  process.stderr.write(`${formatConfigProblems(parsed.problems)}\n`);
  process.exit(78);
}
const { host, sampleBotPort, webhookSecret, signatureToleranceMs, logLevel } = parsed.config;
const [first, ...rest] = webhookKeys(webhookSecret);
if (first === undefined) throw new Error("no webhook secret");

const logger = pino({ level: logLevel, base: { service: "sample-bot" }, timestamp: pino.stdTimeFunctions.isoTime });
const stopping = new AbortController();
const keys = [first, ...rest] as const;
const server = createSampleBot({ keys, toleranceMs: signatureToleranceMs, logger, stopping: stopping.signal });
server.once("error", (error) => {
  logger.fatal({ err: error }, "bot.cannot_listen");
  process.exit(1);
});
server.listen(sampleBotPort, host, () => logger.info({ host, port: sampleBotPort }, "bot.listening"));

const stop = (): void => {
  stopping.abort();
  server.close(() => process.exit(0));
  server.closeIdleConnections();
};
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
