/** A text that names a number: `{count}` stands for it. Chosen by the language's plural rules. */
export interface Counted {
  readonly one: string;
  readonly other: string;
}

/** Every text of the widget. */
export interface Texts {
  /** The name of the chat: the panel's heading. */
  readonly heading: string;
  /** A line below the heading; "" for none. */
  readonly subheading: string;
  /** What an empty conversation shows, and a smaller line below it; "" for none. */
  readonly greeting: string;
  readonly greetingHint: string;
  /** In the empty message field. */
  readonly placeholder: string;

  /** Who speaks, for screen readers. */
  readonly you: string;
  readonly assistant: string;

  /** Names of controls and regions. */
  readonly openChat: string;
  readonly closeChat: string;
  readonly conversation: string;
  readonly message: string;
  readonly send: string;
  readonly copyCode: string;
  readonly copied: string;
  readonly earlier: string;
  readonly latest: string;
  readonly newMessages: Counted;

  /** What became of a message. */
  readonly sending: string;
  readonly waiting: string;
  readonly sent: string;
  readonly delivered: string;
  readonly typing: string;
  readonly patience: string;
  readonly retrying: string;
  readonly failed: string;
  readonly unanswered: string;
  readonly rejected: string;
  readonly retry: string;
  readonly edit: string;
  readonly discard: string;

  /** How the chat stands to its gateway. */
  readonly connecting: string;
  readonly offline: string;
  readonly unreachable: string;
  readonly back: string;
  readonly busy: string;
  /** When the gateway asked to wait for more than a minute. */
  readonly busyForLong: string;
  readonly signInFailed: string;
  readonly ended: string;

  /** The length of what is being written. */
  readonly left: Counted;
  readonly tooLong: Counted;
}

/** What a page may set: any of the texts. */
export type TextOverrides = Partial<Texts>;
