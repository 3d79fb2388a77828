import { inGroups } from "../load/in-groups.ts";
import { openLiveStream, type LiveEvent, type LiveStream, type VisitorSession } from "../load/live-stream.ts";

/** One reader of the crowd. */
export interface Reader {
  session: VisitorSession;
  /** Where it is: what it comes back with. */
  lastEventId: string | undefined;
  onMessage: () => void;
  stream: LiveStream | undefined;
}

function hear(reader: Reader, { name, id }: LiveEvent): void {
  reader.lastEventId = id ?? reader.lastEventId;
  if (name === "message") reader.onMessage();
}

/** Opens the reader's stream, anew if it had one. */
export async function connectReader(reader: Reader, port: number): Promise<void> {
  const { session, lastEventId } = reader;
  reader.stream = await openLiveStream({ port, session, lastEventId, onEvent: (event) => hear(reader, event) });
}

/** Readers of these sessions, their streams open. */
export function openCrowd(port: number, sessions: VisitorSession[]): Promise<Reader[]> {
  return inGroups(sessions.length, async (number) => {
    const session = sessions[number];
    if (session === undefined) throw new Error("there are fewer sessions than readers");
    const reader: Reader = { session, lastEventId: undefined, onMessage: () => undefined, stream: undefined };
    await connectReader(reader, port);
    return reader;
  });
}

/** Fails when a stream was lost: what is measured is what so many open ones cost. */
export function refuseLost(readers: Reader[]): void {
  const lost = readers.filter(({ stream }) => stream?.isOpen() !== true).length;
  if (lost > 0) throw new Error(`${lost} of ${readers.length} streams were lost`);
}

export function closeCrowd(readers: Reader[]): void {
  for (const { stream } of readers) stream?.close();
}
