import { EVENT_SOURCE, EVENTS, type ChatEvent, type EventData, type EventType } from "@chat-relay/core/events";
import { newTraceparent } from "@chat-relay/core/trace-context";
import type { MsgHdrs } from "@nats-io/transport-node";

const HEADROOM_BYTES = 2_048;

function eventHeaders(event: ChatEvent): Record<string, string> {
  return {
    "ce-specversion": "1.0",
    "ce-id": event.id,
    "ce-source": EVENT_SOURCE,
    "ce-type": event.type,
    "ce-time": event.time,
    "ce-subject": event.sessionId,
    "content-type": "application/json",
    traceparent: event.traceparent ?? newTraceparent(),
    "Nats-Msg-Id": event.id,
  };
}

function encodeData(data: EventData<EventType>, maxBytes: number): Buffer {
  const encoded = Buffer.from(JSON.stringify(data), "utf8");
  if (encoded.length <= maxBytes - HEADROOM_BYTES) return encoded;
  // Escaped, a text can outgrow what the server takes. Readers fetch it from PostgreSQL.
  return Buffer.from(JSON.stringify({ ...data, content: "", contentOmitted: true }), "utf8");
}

/** An event in CloudEvents' binary mode: context in the headers, data as JSON. The bus knows repeats by its id. */
export function encodeEvent(event: ChatEvent, maxBytes: number): { headers: Record<string, string>; payload: Buffer } {
  return { headers: eventHeaders(event), payload: encodeData(event.data, maxBytes) };
}

function isEventType(type: string): type is EventType {
  return Object.hasOwn(EVENTS, type);
}

/** Reads an event by its schema; undefined when it is none of ours. */
export function decodeEvent(set: MsgHdrs | undefined, payload: Uint8Array): ChatEvent | undefined {
  // Read once: each get() of the client's looks through a new list of all names.
  const headers = new Map(set ?? []);
  const header = (name: string): string => headers.get(name)?.[0] ?? "";
  const type = header("ce-type");
  if (!isEventType(type)) return undefined;
  const data = EVENTS[type].safeParse(parseJson(payload));
  if (!data.success) return undefined;
  const traceparent = header("traceparent") || undefined;
  const context = { id: header("ce-id"), time: header("ce-time"), sessionId: header("ce-subject") };
  return { type, ...context, data: data.data, traceparent };
}

function parseJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch {
    return undefined;
  }
}
