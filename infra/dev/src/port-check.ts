import { listenError } from "@chat-relay/embedded/free-port";
import type { LauncherConfig } from "./launcher-config.ts";
import { StartRefusal } from "./start-refusal.ts";

interface NamedPort {
  name: string;
  variable: string;
  port: number;
}

/** The ports that this start is going to open. */
export function portsOf({ config, uses }: LauncherConfig): NamedPort[] {
  const ports = [
    { name: "gateway", variable: "CHAT_GATEWAY_PORT", port: config.gatewayPort },
    { name: "receiver", variable: "CHAT_RECEIVER_PORT", port: config.receiverPort },
    { name: "dispatcher", variable: "CHAT_DISPATCHER_PORT", port: config.dispatcherPort },
  ];
  if (uses.sampleBot) ports.push({ name: "sample bot", variable: "CHAT_SAMPLE_BOT_PORT", port: config.sampleBotPort });
  return ports;
}

/** Refuses a start that would fail half way because a port cannot be opened. Names all of them at once. */
export async function requireFreePorts(launcher: LauncherConfig): Promise<void> {
  const { host } = launcher.config;
  const ports = portsOf(launcher);
  const problems = await Promise.all(
    ports.map(async (port) => sharedPort(port, ports) ?? (await takenPort(port, host))),
  );
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new StartRefusal(found.join("\n"));
}

function sharedPort({ name, variable, port }: NamedPort, ports: NamedPort[]): string | undefined {
  const other = ports.find((candidate) => candidate.port === port && candidate.name !== name);
  return other && `port ${port} (${variable}) of the ${name} is also that of the ${other.name} (${other.variable})`;
}

async function takenPort({ name, variable, port }: NamedPort, host: string): Promise<string | undefined> {
  const code = await listenError(port, host);
  if (code === undefined) return undefined;
  const reason = code === "EADDRINUSE" ? "is already in use" : `cannot be opened on ${host} (CHAT_HOST): ${code}`;
  return `port ${port} of the ${name} ${reason}: free it, or set ${variable} to another one`;
}
