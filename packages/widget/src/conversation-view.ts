import type { ChatSnapshot } from "@chat-relay/client";
import { icon } from "./icon.ts";
import { listItems } from "./list-items.ts";
import { make } from "./make.ts";
import { MessageList } from "./message-list.ts";
import type { OnAction } from "./own-message-view.ts";
import { ScrollKeeper } from "./scroll-keeper.ts";
import { StateChanges } from "./state-changes.ts";
import type { Phrases } from "./texts/phrases.ts";

interface Handlers {
  readonly onAction: OnAction;
  readonly onEarlier: () => void;
  readonly announce: (text: string) => void;
}

/** Earlier messages are loaded when the reader comes so near to the first one. */
const AHEAD = "400px 0px 0px 0px";

/** The messages, and what is needed to move among them. */
export class ConversationView {
  readonly root: HTMLElement;
  #phrases: Phrases;
  #list: MessageList;
  #greeting: HTMLElement;
  #earlier: HTMLButtonElement;
  #latest: HTMLButtonElement;
  #scroller: HTMLElement;
  #place: ScrollKeeper;
  #nearStart: IntersectionObserver;
  #changes = new StateChanges();
  #announce: (text: string) => void;
  #news = 0;

  constructor(phrases: Phrases, { onAction, onEarlier, announce }: Handlers) {
    const { texts } = phrases;
    this.#announce = announce;
    this.#phrases = phrases;
    this.#list = new MessageList(phrases, onAction);
    this.#greeting = greeting(phrases);
    this.#earlier = make("button", { type: "button", class: "earlier", hidden: "" }, texts.earlier);
    this.#latest = make("button", { type: "button", class: "latest", hidden: "" });
    const attributes = { class: "scroller", tabindex: "0", role: "region", "aria-label": texts.conversation };
    this.#scroller = make("div", attributes, this.#earlier, this.#greeting, this.#list.root);
    this.root = make("div", { class: "body" }, this.#scroller, this.#latest);
    this.#place = new ScrollKeeper(this.#scroller, this.#list.root, () => this.#showLatest());
    this.#earlier.addEventListener("click", onEarlier);
    this.#latest.addEventListener("click", () => this.goToEnd());
    const options = { root: this.#scroller, rootMargin: AHEAD };
    this.#nearStart = new IntersectionObserver(
      (entries) => entries.at(-1)?.isIntersecting && onEarlier(), // several may come at once: the last one holds
      options,
    );
  }

  /** Shows the conversation as it is now; `news` of it are messages that have just come. */
  show(snapshot: ChatSnapshot, news: number): void {
    const items = listItems(snapshot, Date.now());
    this.#holdFocus(() => {
      this.#place.keep(() => this.#list.show(items));
      this.#greeting.hidden = items.length > 0 || snapshot.connection === "connecting";
      this.#showEarlier(snapshot);
    });
    if (!this.#place.isAtEnd) this.#news += news;
    this.#showLatest();
    for (const text of this.#changes.take(items)) this.#announce(this.#phrases.texts[text]);
  }

  goToEnd(): void {
    this.#place.goToEnd();
  }

  spoken(key: string): string | undefined {
    return this.#list.spoken(key);
  }

  #showEarlier({ hasOlder, loadingOlder }: ChatSnapshot): void {
    this.#earlier.hidden = !hasOlder;
    this.#earlier.setAttribute("aria-busy", String(loadingOlder));
    // Observed anew after each page: it may be in sight still, which is no change to tell of.
    if (loadingOlder) this.#nearStart.disconnect();
    else this.#nearStart.observe(this.#earlier);
  }

  #showLatest(): void {
    if (this.#place.isAtEnd) this.#news = 0;
    const { texts } = this.#phrases;
    const text = this.#news > 0 ? this.#phrases.counted(texts.newMessages, this.#news) : "";
    this.#holdFocus(() => (this.#latest.hidden = this.#place.isAtEnd));
    this.#latest.classList.toggle("news", text !== "");
    this.#latest.replaceChildren(text, icon("down"));
    this.#latest.setAttribute("aria-label", text || texts.latest);
  }

  /** What has the focus may be gone after a change: then the conversation as a whole gets it, not the page around it. */
  #holdFocus(change: () => void): void {
    const shadow = this.root.getRootNode() as ShadowRoot;
    const hadFocus = this.root.contains(shadow.activeElement);
    change();
    const { activeElement } = shadow;
    const hasFocus = this.root.contains(activeElement) && activeElement?.getClientRects().length !== 0;
    if (!hadFocus || hasFocus) return;
    this.#scroller.focus({ preventScroll: true });
  }
}

function greeting({ texts }: Phrases): HTMLElement {
  const mark = make("span", { class: "mark" }, icon("chat"));
  const hint = texts.greetingHint === "" ? [] : [make("span", { class: "hint" }, texts.greetingHint)];
  return make("p", { class: "greeting" }, mark, make("strong", {}, texts.greeting), ...hint);
}
