import type { Edit } from "./edits.ts";

const FOLLOWED = "apps/gateway/src/live/followed-session.ts";
const HUB = "apps/gateway/src/live/live-hub.ts";
const LOOK = "apps/gateway/src/live/session-look.ts";
const STREAM = "apps/gateway/src/live/live-stream.ts";
const TEXT = "apps/gateway/src/live/live-text.ts";

const NO_LOOK: Edit = {
  file: LOOK,
  from: "this.#interval ??= setInterval(() => this.all(), this.#options.intervalMs);",
  to: "void this.#interval;",
};

/** Guards of the live stream. */
export const LIVE_CONTROLS = {
  "who resumes is told nothing of what was missed": [
    {
      file: HUB,
      from: "stream.begin(headers, known ?? state.position, {",
      to: "stream.begin(headers, state.position, {",
    },
  ],
  "told while it reads": [
    {
      file: STREAM,
      from: "    if (this.#reading) this.#behind = true;\n    else if",
      to: '    if (this.#reading) {\n      this.#behind = true;\n      this.#response.write(change.events.map(({ frame }) => frame).join(""));\n    } else if',
    },
  ],
  // Looks would find what was missed.
  "followed after its position is read": [
    NO_LOOK,
    {
      file: FOLLOWED,
      from: "if (!this.#isFollowed) void this.#followLate();",
      to: "void this.#followLate;",
    },
    {
      file: HUB,
      from: "    await session.follow();\n    // Read after",
      to: "    setTimeout(() => void session.follow(), 400);\n    // Read after",
    },
  ],
  "a stale attempt's text shown": [
    {
      file: TEXT,
      from: "    return attempt === 0 || (attempt > reply.failedAttempt && attempt >= reply.attempt);\n",
      to: "    return attempt >= 0;\n",
    },
  ],
  "a failed attempt's text not withdrawn": [
    {
      file: TEXT,
      from: "return reply.attempt > 0 && reply.attempt <= attempts ? this.#withdraw(messageId, reply) : [];",
      to: "return [];",
    },
  ],
  "finished text kept": [
    {
      file: TEXT,
      from: "    reply.blocks.clear();\n    reply.seen.clear();\n",
      to: "",
    },
    {
      file: TEXT,
      from: "if (reply.seen.has(id) || reply.lastReplySequence > afterSequence) return false;",
      to: "if (reply.seen.has(id)) return false;",
    },
  ],
  "text not sent again after an outage": [
    {
      file: "apps/dispatcher/src/piece-sender.ts",
      from: "    for (const block of this.#blocks.values()) block.sent = 0;\n",
      to: "",
    },
  ],
  "no look at sessions": [NO_LOOK],
  "no cap on what is unread": [
    {
      file: STREAM,
      from: "if (this.#response.writableLength <= this.#host.bufferMaxBytes)",
      to: "if (this.#response.writableLength <= Infinity)",
    },
  ],
  "an end at every stop": [
    {
      file: STREAM,
      from: "if (this.#response.headersSent) this.#finish();",
      to: "if (this.#response.headersSent) this.#finish(END_FRAME);",
    },
  ],
  "any session's id taken": [
    {
      file: "packages/core/src/session-events.ts",
      from: "if (!isId(id) || id !== sessionId) return undefined;",
      to: "if (!isId(id)) return undefined;",
    },
  ],
  "ids of the future taken": [
    {
      file: HUB,
      from: "position !== undefined && hasReached(newest, position) ?",
      to: "position !== undefined && newest ?",
    },
  ],
  "no limits of streams": [
    { file: HUB, from: "    this.#refuseTooMany(sessionId);\n", to: "    void this.#refuseTooMany;\n" },
  ],
  "events of every session heard": [
    {
      file: FOLLOWED,
      from: "followSession(bus, this.sessionId, this",
      to: 'followSession(bus, "*", this',
    },
  ],
} satisfies Record<string, Edit[]>;
