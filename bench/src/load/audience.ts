import { HttpClient } from "./http-client.ts";
import { inGroups } from "./in-groups.ts";
import type { VisitorSession } from "./live-stream.ts";
import { Visitor } from "./visitor.ts";

/** All visitors of a run, their streams open. */
export interface Audience extends Disposable {
  visitors: Visitor[];
}

async function startSession(client: HttpClient): Promise<VisitorSession> {
  const { status, body } = await client.post({ path: "/api/chat/session", token: "none", body: "{}" });
  if (status !== 201) throw new Error(`a session was answered ${status}: ${body}`);
  const { sessionId, sessionToken } = JSON.parse(body) as { sessionId: string; sessionToken: string };
  return { sessionId, token: sessionToken };
}

/** Visitors with an open stream each, spread evenly over the gateways; `given` are sessions that there are already. */
export async function openAudience(
  gatewayPorts: number[],
  count: number,
  given: VisitorSession[] = [],
): Promise<Audience> {
  const gateways = gatewayPorts.map((port) => ({ port, client: new HttpClient(port) }));
  const visitors = await inGroups(count, async (number) => {
    const gateway = gateways[number % gateways.length];
    if (gateway === undefined) throw new Error("there is no gateway");
    const visitor = new Visitor(given[number] ?? (await startSession(gateway.client)), gateway.client);
    await visitor.follow(gateway.port);
    return visitor;
  });
  const close = () => {
    for (const visitor of visitors) visitor.close();
    for (const { client } of gateways) client.close();
  };
  return { visitors, [Symbol.dispose]: close };
}
