import type { ListItem } from "./list-items.ts";
import { make } from "./make.ts";
import { OwnMessageView, type OnAction } from "./own-message-view.ts";
import { ReplyView } from "./reply-view.ts";
import type { Phrases } from "./texts/phrases.ts";

interface View {
  readonly root: HTMLLIElement;
  /** What it shows. */
  item?: ListItem;
  show?(item: ListItem): void;
}

/** The list of messages. Each entry keeps its element for life, and only what changed is touched. */
export class MessageList {
  readonly root = make("ol", { class: "messages", role: "list", hidden: "" });
  #phrases: Phrases;
  #onAction: OnAction;
  #views = new Map<string, View>();
  #unmeasured: HTMLElement[] = [];

  constructor(phrases: Phrases, onAction: OnAction) {
    this.#phrases = phrases;
    this.#onAction = onAction;
  }

  show(items: readonly ListItem[]): void {
    this.root.hidden = items.length === 0; // a list without entries is none
    this.#handOver(items);
    const known = items.findLastIndex(({ kind, key }) => kind !== "day" && this.#views.has(key));
    const kept = new Set(items.map(({ key }) => key));
    for (const [key, { root }] of this.#views) if (!kept.has(key)) this.#remove(key, root);
    let place = this.root.firstElementChild;
    for (const [index, item] of items.entries()) {
      // History is simply there; what happens now comes in.
      const view = this.#views.get(item.key) ?? this.#add(item, known >= 0 && index > known);
      if (view.item !== item) view.show?.(item);
      view.item = item;
      if (view.root === place) place = place.nextElementSibling;
      else this.root.insertBefore(view.root, place);
    }
    this.#measure();
  }

  /** What is read out of a reply. */
  spoken(key: string): string | undefined {
    const view = this.#views.get(key);
    return view instanceof ReplyView ? view.spoken : undefined;
  }

  /** A reply that has become whole takes the place of its pieces: the element goes on, with what was read and marked. */
  #handOver(items: readonly ListItem[]): void {
    for (const item of items) {
      if (item.kind !== "message" || item.message.replyTo === null || this.#views.has(item.key)) continue;
      const key = this.#writingKey(item.message.replyTo);
      const view = this.#views.get(key);
      if (view === undefined || items.some((other) => other.key === key)) continue;
      this.#views.delete(key);
      this.#views.set(item.key, view);
    }
  }

  #writingKey(replyTo: string): string {
    return [...this.#views.keys()].find((key) => key.startsWith(`reply:${replyTo}:`)) ?? "";
  }

  #add(item: ListItem, isNews: boolean): View {
    const view = this.#make(item);
    view.root.classList.toggle("fresh", isNews);
    this.#views.set(item.key, view);
    this.#unmeasured.push(view.root);
    return view;
  }

  /** Lets the browser skip entries out of sight, after it has seen their size: a guess would move what is read. */
  #measure(): void {
    const added = this.#unmeasured.splice(0);
    if (added.length === 0) return;
    const mark = (): void => added.forEach((root) => root.classList.add("measured"));
    requestAnimationFrame(() => requestAnimationFrame(mark));
  }

  #remove(key: string, root: HTMLElement): void {
    this.#views.delete(key);
    root.remove();
  }

  #make(item: ListItem): View {
    const { texts } = this.#phrases;
    switch (item.kind) {
      case "day":
        return { root: make("li", { class: "day" }, this.#phrases.day(item.date, new Date())) };
      case "typing": {
        const dots = make("div", { class: "bubble dots", "aria-hidden": "true" }, make("i"), make("i"), make("i"));
        return { root: make("li", { class: "item reply" }, make("span", { class: "unseen" }, texts.typing), dots) };
      }
      case "reply":
        return new ReplyView(this.#phrases);
      case "message": {
        const isOwn = item.message.role === "user";
        return isOwn ? new OwnMessageView(this.#phrases, this.#onAction) : new ReplyView(this.#phrases);
      }
    }
  }
}
