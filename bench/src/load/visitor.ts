import type { HttpClient } from "./http-client.ts";
import { openLiveStream, type LiveEvent, type LiveStream, type VisitorSession } from "./live-stream.ts";

/** When a message was accepted, and when its reply was seen; by performance.now(). */
export interface Answered {
  acceptedAtMs: number;
  answeredAtMs: number;
}

interface Question {
  messageId: string | undefined;
  repliedTo: string | undefined;
  acceptedAtMs: number;
  answeredAtMs: number;
  resolve: (answered: Answered) => void;
  reject: (error: Error) => void;
}

/** Someone who asks one thing at a time and sees the replies on a live stream. */
export class Visitor {
  readonly session: VisitorSession;
  #client: HttpClient;
  #stream: LiveStream | undefined;
  #question: Question | undefined;
  #asked = 0;
  #strayReplies = 0;

  constructor(session: VisitorSession, client: HttpClient) {
    this.session = session;
    this.#client = client;
  }

  /** Replies that answered nothing, or answered again. */
  get strayReplies(): number {
    return this.#strayReplies;
  }

  async follow(port: number): Promise<void> {
    const { session } = this;
    this.#stream = await openLiveStream({ port, session, onEvent: (event) => this.#hear(event) });
  }

  /** Sends a message; answered when both the acceptance and the live reply have come. */
  ask(): Promise<Answered> {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    this.#question = { messageId: undefined, repliedTo: undefined, acceptedAtMs: 0, answeredAtMs: 0, resolve, reject };
    this.#send().catch((error: unknown) => {
      this.#question = undefined;
      reject(error);
    });
    return promise;
  }

  /** Gives a question up whose answer does not come. */
  giveUp(): void {
    this.#question?.reject(new Error("no answer came in time"));
    this.#question = undefined;
  }

  close(): void {
    this.#stream?.close();
  }

  async #send(): Promise<void> {
    this.#asked += 1;
    const { sessionId, token } = this.session;
    const content = `Question ${this.#asked}: where is the parcel that I ordered last week, and when will it be here?`;
    const body = JSON.stringify({ sessionId, content });
    const answer = await this.#client.post({ path: "/api/chat/send", token, body });
    if (answer.status !== 202) throw new Error(`a message was answered ${answer.status}: ${answer.body}`);
    if (this.#question === undefined) return;
    this.#question.acceptedAtMs = performance.now();
    this.#question.messageId = (JSON.parse(answer.body) as { id: string }).id;
    this.#settle();
  }

  #hear({ name, data }: LiveEvent): void {
    if (name !== "message") return;
    const { role, replyTo } = JSON.parse(data) as { role: string; replyTo: string };
    if (role !== "assistant") return;
    const question = this.#question;
    if (question === undefined || question.repliedTo !== undefined) return void (this.#strayReplies += 1);
    question.answeredAtMs = performance.now();
    question.repliedTo = replyTo;
    this.#settle();
  }

  // The reply may come before the acceptance.
  #settle(): void {
    const question = this.#question;
    if (question?.messageId === undefined || question.repliedTo === undefined) return;
    this.#question = undefined;
    const { messageId, repliedTo, acceptedAtMs, answeredAtMs } = question;
    if (messageId === repliedTo) question.resolve({ acceptedAtMs, answeredAtMs });
    else question.reject(new Error("a reply to another message came"));
  }
}
