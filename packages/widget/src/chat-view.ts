import type { ChatSnapshot, ConversationMessage } from "@chat-relay/client";
import { Announcer } from "./announcer.ts";
import { Composer } from "./composer.ts";
import { connectionNotice } from "./connection-notice.ts";
import { ConversationView } from "./conversation-view.ts";
import { keepFocus } from "./focus-keeper.ts";
import { fitSmallScreen } from "./full-screen.ts";
import { Launcher } from "./launcher.ts";
import { nextLook } from "./list-items.ts";
import { make } from "./make.ts";
import type { NoteAction } from "./message-note.ts";
import { Notice } from "./notice.ts";
import { makePanel } from "./panel.ts";
import type { Phrases } from "./texts/phrases.ts";

export interface ChatViewHandlers {
  readonly onToggle: () => void;
  readonly onClose: () => void;
  readonly onSend: (text: string) => void;
  readonly onRetry: (key: string) => void;
  readonly onDiscard: (key: string) => void;
  readonly onEarlier: () => void;
}

/** A device's clock may be months behind, and a timer of more than 24 days fires at once. */
const LOOK_MAX_MS = 60_000;

/** Everything that is seen of the chat. Drawn at most once a frame, and not while it is closed. */
export class ChatView {
  readonly root: HTMLElement;
  #phrases: Phrases;
  #handlers: ChatViewHandlers;
  #isInline: boolean;
  #announcer = new Announcer();
  #launcher: Launcher;
  #panel: HTMLElement;
  #notice: Notice;
  #conversation: ConversationView;
  #composer: Composer;
  #snapshot: ChatSnapshot | null = null;
  #news: ConversationMessage[] = [];
  #isOpen = false;
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopFitting: () => void = () => {};

  constructor(phrases: Phrases, isInline: boolean, handlers: ChatViewHandlers) {
    const announce = (text: string): void => this.#announcer.say(text);
    this.#phrases = phrases;
    this.#handlers = handlers;
    this.#isInline = isInline;
    this.#launcher = new Launcher(phrases, handlers.onToggle);
    this.#notice = new Notice(phrases, announce);
    this.#composer = new Composer(phrases, { announce, onSend: (text) => this.#send(text) });
    const onAction = (action: NoteAction, message: ConversationMessage): void => this.#act(action, message);
    this.#conversation = new ConversationView(phrases, { onAction, announce, onEarlier: handlers.onEarlier });
    const content = [this.#notice.root, this.#conversation.root, this.#composer.root];
    this.#panel = makePanel({ phrases, isInline, onClose: handlers.onClose, content });
    const attributes = { role: "region", "aria-label": phrases.texts.heading, lang: phrases.tag };
    const launcher = isInline ? [] : [this.#launcher.root];
    this.root = make("div", attributes, ...launcher, this.#panel, this.#announcer.root);
    if (!isInline) this.#panel.addEventListener("keydown", (event) => this.#onKey(event));
  }

  get draft(): string {
    return this.#composer.draft;
  }

  set draft(text: string) {
    this.#composer.draft = text;
  }

  /** Shows the panel, or nothing but the launcher. */
  setOpen(isOpen: boolean): void {
    this.#isOpen = isOpen;
    if (isOpen) this.#draw();
    this.#panel.classList.toggle("open", isOpen);
    this.#launcher.setOpen(isOpen);
    this.#stopFitting();
    if (!isOpen) this.#placeLog(this.root);
    if (isOpen && !this.#isInline) this.#stopFitting = fitSmallScreen(this.#panel, (isFull) => this.#setFull(isFull));
  }

  setUnread(unread: number): void {
    this.#launcher.setUnread(unread);
  }

  /** Shows this soon; `news` are messages that have just come. */
  show(snapshot: ChatSnapshot, news: readonly ConversationMessage[]): void {
    this.#snapshot = snapshot;
    this.#news.push(...news);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** Moves the focus into the open panel. On touch screens not into the field, whose keyboard would cover the rest. */
  focusPanel(): void {
    if (matchMedia("(pointer: coarse)").matches && !this.#isInline) this.#panel.focus();
    else this.#composer.focus();
  }

  /** Gives the focus back when the panel is closed; left alone when it is elsewhere in the page. */
  focusLauncher(): void {
    const { activeElement } = this.root.getRootNode() as ShadowRoot;
    if (activeElement !== null) this.#launcher.root.focus();
  }

  /** Leaves nothing behind that goes on. */
  stop(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#stopFitting();
  }

  #draw(): void {
    this.#frame = 0;
    const news = this.#news.splice(0).filter(({ role }) => role === "assistant");
    if (this.#snapshot === null) return;
    if (this.#isOpen) {
      this.#conversation.show(this.#snapshot, news.length);
      this.#notice.show(connectionNotice(this.#snapshot, navigator.onLine));
      this.#lookAgain(this.#snapshot);
    }
    this.#announce(news);
  }

  #announce(news: readonly ConversationMessage[]): void {
    if (news.length === 0) return;
    if (!this.#isOpen) return this.#announcer.say(this.#phrases.counted(this.#phrases.texts.newMessages, news.length));
    for (const { key, content } of news) this.#announcer.say(this.#conversation.spoken(key) ?? content);
  }

  #lookAgain(snapshot: ChatSnapshot): void {
    clearTimeout(this.#timer);
    const now = Date.now();
    const next = nextLook(snapshot, now);
    if (next !== null) this.#timer = setTimeout(() => this.#draw(), Math.min(next - now, LOOK_MAX_MS));
  }

  #send(text: string): void {
    this.#conversation.goToEnd();
    this.#handlers.onSend(text);
  }

  #act(action: NoteAction, { key, content }: ConversationMessage): void {
    if (action === "retry") this.#handlers.onRetry(key);
    else this.#handlers.onDiscard(key);
    if (action === "edit") this.draft = [this.draft.trim(), content].filter(Boolean).join("\n");
    this.#composer.focus();
  }

  #setFull(isFull: boolean): void {
    this.#panel.setAttribute("aria-modal", String(isFull));
    this.#placeLog(isFull ? this.#panel : this.root);
  }

  /** Into a modal dialog, since nothing outside of it is read then; out of a closed one, since nothing inside is. */
  #placeLog(parent: HTMLElement): void {
    if (this.#announcer.root.parentElement !== parent) parent.append(this.#announcer.root);
  }

  #onKey(event: KeyboardEvent): void {
    keepFocus(this.#panel, event);
    if (event.key !== "Escape" || event.isComposing) return;
    event.stopPropagation();
    this.#handlers.onClose();
  }
}
