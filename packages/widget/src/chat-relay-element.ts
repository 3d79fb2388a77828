import type { ConversationMessage } from "@chat-relay/client";
import { ChatView } from "./chat-view.ts";
import { make } from "./make.ts";
import { isSendable } from "./message-length.ts";
import { markOpen, wasOpen } from "./open-mark.ts";
import { loadRenderer } from "./reply-text.ts";
import { CLIENT_ATTRIBUTES, gatewayOf, phrasesOf, VIEW_ATTRIBUTES } from "./settings.ts";
import type { TextOverrides } from "./texts/texts.ts";
import { VisitorChat, type GetUserToken } from "./visitor-chat.ts";
import { widgetStyles } from "./widget-styles.ts";

/** `<chat-relay>`: a chat with a chat-relay gateway. README.md tells its attributes, properties, methods and events. */
export class ChatRelayElement extends HTMLElement {
  static readonly observedAttributes = [...CLIENT_ATTRIBUTES, ...VIEW_ATTRIBUTES, "open"];
  /** Asked for a fresh userToken each time a session is opened. */
  declare getUserToken?: GetUserToken;
  /** Metadata of new sessions. */
  declare metadata?: Record<string, unknown>;
  #shadow = this.attachShadow({ mode: "open" });
  #texts: TextOverrides = {};
  #chat: VisitorChat | null = null;
  #view: ChatView | null = null;
  #unread = 0;
  #connected: AbortController | null = null;
  #isNew = true;

  constructor() {
    super();
    this.#shadow.adoptedStyleSheets = [widgetStyles()];
    // Set before the script was there, it lies in front of what is defined here.
    const early = Object.getOwnPropertyDescriptor(this, "texts")?.value as TextOverrides | undefined;
    if (early === undefined) return;
    delete (this as Partial<Pick<this, "texts">>).texts;
    this.#texts = early;
  }

  /** Whether the panel is open. */
  get isOpen(): boolean {
    return this.hasAttribute("open");
  }

  /** Texts of the page's own, in place of those of the language. */
  get texts(): TextOverrides {
    return this.#texts;
  }

  set texts(texts: TextOverrides) {
    if (JSON.stringify(texts) === JSON.stringify(this.#texts)) return; // a page may set the same with each of its renders
    this.#texts = { ...texts };
    this.#renewView();
  }

  /** How many replies the visitor has not seen. */
  get unread(): number {
    return this.#unread;
  }

  /** Opens the panel and moves the focus into it. */
  open(): void {
    this.toggleAttribute("open", true);
    this.#view?.focusPanel();
  }

  /** Closes the panel; the focus, if it was in it, goes back to the launcher. */
  close(): void {
    this.toggleAttribute("open", false);
    this.#view?.focusLauncher();
  }

  toggle(): void {
    if (this.isOpen) this.close();
    else this.open();
  }

  /** Sends a message as if the visitor had written it. */
  send(text: string): void {
    if (!isSendable(text)) throw new RangeError("A message has 1 to 4,000 characters, not only white space");
    if (this.#chat === null) throw new Error("<chat-relay> is not in the page");
    void loadRenderer(); // an answer is on its way
    this.#chat.client.send(text);
  }

  /** On logout: ends the session and forgets everything. Settles when the gateway was told, as far as it can be reached. */
  async reset(): Promise<void> {
    const told = (this.#chat ?? this.#makeChat()).forget();
    this.#chat = null;
    if (this.#view !== null) this.#view.draft = "";
    this.#renewChat();
    this.#renewView();
    await told;
  }

  connectedCallback(): void {
    if (this.#isNew && wasOpen(gatewayOf(this))) this.toggleAttribute("open", true); // the focus stays where it is
    this.#isNew = false;
    this.#connected = new AbortController();
    const options = { signal: this.#connected.signal };
    addEventListener("storage", ({ key }) => this.#storageChanged(key), options);
    document.addEventListener("visibilitychange", () => this.#countUnread(), options);
    this.#renewChat();
    this.#renewView();
  }

  disconnectedCallback(): void {
    this.#connected?.abort();
    this.#connected = null;
    this.#chat?.stop();
    this.#chat = null;
    this.#view?.stop();
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (this.#connected === null || before === now) return;
    if (name === "open") this.#openChanged();
    else if (CLIENT_ATTRIBUTES.some((attribute) => attribute === name)) this.#renewChat();
    else this.#renewView();
  }

  #renewChat(): void {
    if (this.#connected === null) return;
    this.#chat?.stop();
    this.#chat = this.#makeChat();
    this.#chat.start((news) => this.#changed(news));
    this.#changed([]);
  }

  #makeChat(): VisitorChat {
    return new VisitorChat({
      gateway: gatewayOf(this),
      userId: this.getAttribute("user-id") || null,
      getUserToken: () => this.getUserToken?.() ?? null,
      getMetadata: () => this.metadata ?? {},
    });
  }

  #renewView(): void {
    if (this.#connected === null) return;
    const { draft = "" } = this.#view ?? {};
    const hadFocus = this.#shadow.activeElement !== null;
    this.#view?.stop();
    this.#view = this.#makeView();
    this.#view.draft = draft;
    this.#shadow.replaceChildren(make("div", { class: "base" }, this.#view.root));
    this.#changed([]);
    this.#view.setUnread(this.#unread);
    this.#view.setOpen(this.#isShown);
    if (hadFocus && this.#isShown) this.#view.focusPanel();
  }

  #makeView(): ChatView {
    return new ChatView(phrasesOf(this, this.#texts), this.hasAttribute("inline"), {
      onToggle: () => this.toggle(),
      onClose: () => this.close(),
      onSend: (text) => this.send(text),
      onRetry: (key) => this.#chat?.client.retry(key),
      onDiscard: (key) => this.#chat?.client.discard(key),
      onEarlier: () => void this.#chat?.client.loadOlder(),
    });
  }

  get #isShown(): boolean {
    return this.isOpen || this.hasAttribute("inline");
  }

  #openChanged(): void {
    markOpen(gatewayOf(this), this.isOpen);
    this.#view?.setOpen(this.#isShown);
    this.#countUnread();
    this.#tell(this.isOpen ? "open" : "close");
  }

  #changed(news: readonly ConversationMessage[]): void {
    if (this.#chat === null) return;
    this.#view?.show(this.#chat.client.snapshot, news);
    this.#countUnread();
    for (const { id, role, content, createdAt } of news) this.#tell("message", { id, role, content, createdAt });
  }

  #storageChanged(key: string | null): void {
    this.#chat?.storageChanged(key);
    this.#countUnread();
  }

  #countUnread(): void {
    if (this.#isShown && document.visibilityState === "visible") this.#chat?.markSeen();
    const unread = this.#chat?.unread ?? 0;
    if (unread === this.#unread) return;
    this.#unread = unread;
    this.#view?.setUnread(unread);
    this.#tell("unread", { unread });
  }

  #tell(name: string, detail?: object): void {
    this.dispatchEvent(new CustomEvent(`chat-relay:${name}`, { detail, bubbles: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "chat-relay": ChatRelayElement;
  }
}
