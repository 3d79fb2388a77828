import type { ChatMessage } from "@chat-relay/core/message";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { LiveVisitor, type LiveVisitorOptions } from "./live-visitor.ts";
import type { Load, Visitor } from "./load.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** Visitors of a case that are followed live without its asking. */
const SOME = 10;

export type FollowOptions = Partial<Pick<LiveVisitorOptions, "pick" | "returnWithinMs">>;

/** Those who follow their sessions live while a case is played. Each comes back at another gateway. */
export class LiveVisitors implements Disposable {
  readonly all: LiveVisitor[] = [];
  #world: World;
  #random: Random;
  #some = 0;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** Follows the visitor's session until the end of the case; call it before anything happens there, or any time later. */
  follow(visitor: Visitor, options: FollowOptions = {}): LiveVisitor {
    const { gateways } = this.#world;
    const first = this.all.length;
    const pick = (connection: number) => gateways[(first + connection) % gateways.length]?.url ?? "";
    const follower = new LiveVisitor({ visitor, pick, random: this.#random, ...options });
    this.all.push(follower);
    return follower;
  }

  /** Follows the first few visitors of the case. */
  followSome(visitor: Visitor): void {
    if (this.#some < SOME) this.follow(visitor);
    this.#some += 1;
  }

  /** Waits until everybody was told everything, and looks whether that was as promised. */
  async check(load: Pick<Load, "history">, withinMs: number): Promise<void> {
    const histories = new Map<string, Promise<ChatMessage[]>>();
    for (const { visitor, transcript } of this.all) {
      const reading = histories.get(visitor.sessionId) ?? load.history(visitor);
      histories.set(visitor.sessionId, reading);
      const history = await reading;
      const isDone = () => transcript.isFlawed || transcript.hasAll(history);
      await waitFor("all to be told live", isDone, withinMs).catch(() => undefined); // the transcript tells it better
      transcript.check(history);
    }
  }

  [Symbol.dispose](): void {
    for (const one of this.all) one[Symbol.dispose]();
  }
}
