import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { stablePort } from "@chat-relay/testkit/stable-port";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { afterEach, expect, test } from "vitest";
import { createN8nClient, type Call, type N8nClient } from "./n8n-client.ts";

const LIMITS = {
  webhookTimeoutMs: 20_000,
  webhookConnectTimeoutMs: 5_000,
  responseMaxBytes: 10_000,
  n8nStartingMaxMs: 60_000,
  breakerProbeMaxMs: 5_000,
};

let open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open) await stack.disposeAsync();
  open = [];
});

interface Scene {
  client: N8nClient;
  connections: Socket[];
}

/** A client of a server that says these bytes when a request has come, whatever it was. */
async function given(
  say: (socket: Socket, request: number) => void,
  limits: Partial<typeof LIMITS> = {},
): Promise<Scene> {
  const stack = new AsyncDisposableStack();
  open.push(stack);
  const connections: Socket[] = [];
  let requests = 0;
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", () => say(socket, (requests += 1)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const client = createN8nClient({ ...LIMITS, ...limits, n8nWebhookUrl: `http://127.0.0.1:${port}/webhook/chat?a=b` });
  stack.use(client);
  return { client, connections };
}

function call(more: Partial<Call> = {}): Call {
  return { headers: {}, body: Buffer.from("{}"), signal: new AbortController().signal, ...more };
}

const head = (status: string, ...lines: string[]) => [`HTTP/1.1 ${status}`, ...lines, "", ""].join("\r\n");
const isClosed = (socket: Socket | undefined) => waitFor("the connection to be closed", () => socket?.closed === true);

test("an informational answer is not the answer", async () => {
  const early = head("103 Early Hints", "link: </a>");
  const { client } = await given((socket, request) => {
    socket.write(early);
    if (request === 1) socket.write(`${head("200 OK", "content-length: 2")}ok`);
    else socket.end();
  });
  expect(await client.call(call())).toMatchObject({ kind: "answered", status: 200, body: Buffer.from("ok") });
  expect(await client.call(call())).toMatchObject({ kind: "broken", status: null });
});

test("calls one after another use one connection, whole answers and refusals alike", async () => {
  const error = "x".repeat(5_000);
  const { client, connections } = await given((socket, request) =>
    socket.write(
      request === 1 ? `${head("500 No", "content-length: 5000")}${error}` : `${head("200 OK", "content-length: 2")}ok`,
    ),
  );
  expect(await client.call(call())).toMatchObject({
    kind: "answered",
    status: 500,
    body: Buffer.from(error.slice(0, 2_048)),
  });
  await nextTurn(); // so long undici waits for servers that close a connection without having said so
  expect(await client.call(call())).toMatchObject({ kind: "answered", status: 200, body: Buffer.from("ok") });
  expect(connections).toHaveLength(1);
});

test("an answer that comes byte by byte is whole", async () => {
  const chunked = "1\r\nx\r\n".repeat(10_000);
  const { client } = await given((socket) =>
    socket.write(`${head("200 OK", "transfer-encoding: chunked")}${chunked}0\r\n\r\n`),
  );
  expect(await client.call(call())).toMatchObject({
    kind: "answered",
    status: 200,
    body: Buffer.from("x".repeat(10_000)),
  });
});

test("of a refusal the beginning is kept, and hardly more than that is read of an endless one", async () => {
  const { client, connections } = await given((socket) => {
    const pump = () => {
      while (!socket.destroyed && socket.write("x".repeat(65_536)));
    };
    socket.on("drain", pump);
    socket.write(head("500 No"));
    pump();
  });
  const result = await client.call(call());
  expect(result).toMatchObject({ kind: "answered", status: 500, body: Buffer.from("x".repeat(2_048)) });
  await isClosed(connections[0]);
  expect(connections[0]?.bytesWritten).toBeLessThan(16_000_000); // what lies in the buffers between the two
});

test("a refusal whose body does not end is one all the same", async () => {
  const { client, connections } = await given((socket) => socket.write(`${head("500 No", "content-length: 9")}part`));
  expect(await client.call(call())).toMatchObject({ kind: "answered", status: 500, body: Buffer.from("part") });
  await isClosed(connections[0]);
});

test("a refusal whose connection breaks is one all the same", async () => {
  const { client } = await given((socket) => socket.end(`${head("500 No", "content-length: 9")}part`));
  expect(await client.call(call())).toMatchObject({ kind: "answered", status: 500, body: Buffer.from("part") });
});

test("an answer may have its largest size and not a byte more", async () => {
  const { client, connections } = await given((socket, request) =>
    socket.write(`${head("200 OK", `content-length: ${9_999 + request}`)}${"x".repeat(9_999 + request)}`),
  );
  expect(await client.call(call())).toMatchObject({ kind: "answered", status: 200 });
  expect(await client.call(call())).toMatchObject({ kind: "too_large", status: 200 });
  await isClosed(connections.at(-1));
});

test("headers that are larger than is read are too large", async () => {
  const { client } = await given((socket) => socket.write(head("200 OK", `x: ${"x".repeat(50_000)}`)));
  expect(await client.call(call())).toMatchObject({
    kind: "too_large",
    status: null,
    problem: "headers are too large",
  });
});

test.each([
  ["nothing", "", null],
  ["the beginning of an answer", `${head("200 OK", "content-length: 9")}part`, 200],
])("the deadline ends a call that was told %s, and its connection", async (_told, said, status) => {
  const { client, connections } = await given((socket) => socket.write(said), { webhookTimeoutMs: 500 });
  expect(await client.call(call())).toEqual({ kind: "deadline", status });
  await isClosed(connections[0]);
});

test("a connection that breaks off breaks the call, before an answer and within one", async () => {
  const { client } = await given((socket) => socket.destroy());
  expect(await client.call(call())).toMatchObject({ kind: "broken", status: null });
  const within = await given((socket) => socket.end(`${head("200 OK", "content-length: 9")}part`));
  expect(await within.client.call(call())).toMatchObject({ kind: "broken", status: 200 });
});

test("a call that is given up ends at once, and its connection with it", async () => {
  const caller = new AbortController();
  const { client, connections } = await given(() => caller.abort());
  expect(await client.call(call({ signal: caller.signal }))).toEqual({ kind: "aborted" });
  await isClosed(connections[0]);
});

test("a call that was given up before is not made", async () => {
  let requests = 0;
  const { client } = await given(() => (requests += 1));
  expect(await client.call(call({ signal: AbortSignal.abort() }))).toEqual({ kind: "aborted" });
  expect(requests).toBe(0);
});

test("that there is no connection is told though the call was given up meanwhile", async () => {
  await using client = createN8nClient({ ...LIMITS, n8nWebhookUrl: `http://127.0.0.1:${await stablePort()}/` });
  const result = await client.call(call({ signal: AbortSignal.abort() }));
  expect(result).toEqual({ kind: "unreachable", problem: "ECONNREFUSED" });
});

test("a fault in hearing an answer is no broken connection", async () => {
  const { client, connections } = await given((socket) => socket.write(`${head("200 OK", "content-length: 9")}part`));
  const onBody = () => {
    throw new TypeError("a bug");
  };
  await expect(client.call(call({ onBody }))).rejects.toThrow("a bug");
  await isClosed(connections[0]);
});

test("the body of an answer is heard as it comes, unless it is encoded or a refusal's", async () => {
  const heard: string[] = [];
  const onBody = (chunk: Buffer) => void heard.push(chunk.toString());
  const said = [head("200 OK", "content-length: 2"), head("200 OK", "content-encoding: gzip", "content-length: 2")];
  const { client } = await given((socket, request) =>
    socket.write(`${said[request - 1] ?? head("500 No", "content-length: 2")}ok`),
  );
  for (let request = 1; request <= 3; request += 1) await client.call(call({ onBody }));
  expect(heard).toEqual(["ok"]);
});
