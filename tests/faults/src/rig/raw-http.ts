import { connect } from "node:net";

/** What came back over a connection; status 0 when nothing came that can be read. */
export interface RawAnswer {
  status: number;
  /** By name in lower case; of several the last. */
  headers: Map<string, string>;
  text: string;
  tookMs: number;
}

export interface Wire {
  /** Where the client calls from: any address of 127.0.0.0/8 (all of them are this machine's on Linux). */
  from?: string;
  /** When to give up waiting for the end of the connection. */
  giveUpMs?: number;
}

export interface RawRequest extends Wire {
  method?: string;
  path: string;
  /** A list is as many headers of that name; undefined is none. Written as they are, whatever is in them. */
  headers?: Record<string, string | readonly string[] | undefined>;
  body?: string | Buffer;
}

const GIVE_UP_MS = 20_000;

/** Reads an answer that has a length or ends with its connection. */
function readAnswer(received: Buffer, tookMs: number): RawAnswer {
  const end = received.indexOf("\r\n\r\n");
  const lines = received.subarray(0, Math.max(0, end)).toString("latin1").split("\r\n");
  const headers = lines.slice(1).map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(lines[0] ?? "")?.[1] ?? 0);
  return { status, headers: new Map(headers), text: received.subarray(end + 4).toString("utf8"), tookMs };
}

/** Writes bytes on a connection of their own and reads until the server closes it. */
export function exchange(url: string, bytes: Buffer, { from, giveUpMs = GIVE_UP_MS }: Wire = {}): Promise<RawAnswer> {
  const startedAtMs = performance.now();
  const { hostname, port } = new URL(url);
  const received: Buffer[] = [];
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname,
      port: Number(port),
      ...(from === undefined ? {} : { localAddress: from }),
    });
    const giveUp = setTimeout(() => socket.destroy(), giveUpMs);
    socket.on("data", (chunk) => void received.push(chunk));
    socket.on("error", () => undefined); // what had come by then is the answer
    socket.on("close", () => {
      clearTimeout(giveUp);
      resolve(readAnswer(Buffer.concat(received), performance.now() - startedAtMs));
    });
    socket.write(bytes);
  });
}

/** The bytes of a request as they go over the wire. */
export function requestBytes({ method = "POST", path, headers = {}, body }: RawRequest): Buffer {
  const content = Buffer.from(body ?? "");
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  const framed = names.includes("transfer-encoding") || names.includes("content-length") || method === "GET";
  const all = {
    host: "localhost",
    connection: "close",
    ...headers,
    ...(framed ? {} : { "content-length": String(content.length) }),
  };
  const lines = Object.entries(all).flatMap(([name, value]) => {
    const values = value === undefined ? [] : typeof value === "string" ? [value] : value;
    return values.map((one) => `${name}: ${one}\r\n`);
  });
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1"), content]);
}

/** One request on a connection of its own. */
export function rawRequest(url: string, request: RawRequest): Promise<RawAnswer> {
  return exchange(url, requestBytes(request), request);
}

/** The body of a problem without what is different each time. */
export function problemOf({ text }: RawAnswer): Record<string, unknown> {
  try {
    return { ...(JSON.parse(text) as Record<string, unknown>), requestId: "" };
  } catch {
    return { unreadable: text.slice(0, 200) };
  }
}
