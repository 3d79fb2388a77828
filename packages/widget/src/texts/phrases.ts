import type { Language } from "./choose-texts.ts";
import type { Counted, TextOverrides, Texts } from "./texts.ts";

/** The texts of one language with the page's own in their place, and the numbers, days and times in between. */
export class Phrases {
  readonly tag: string;
  readonly texts: Texts;
  #plural: Intl.PluralRules;
  #number: Intl.NumberFormat;
  #time: Intl.DateTimeFormat;
  #day: Intl.DateTimeFormat;
  #dayOfYear: Intl.DateTimeFormat;
  #relative: Intl.RelativeTimeFormat;

  constructor({ tag, texts }: Language, overrides: TextOverrides) {
    this.tag = tag;
    this.texts = { ...texts, ...overrides };
    this.#plural = new Intl.PluralRules(tag);
    this.#number = new Intl.NumberFormat(tag);
    this.#time = new Intl.DateTimeFormat(tag, { timeStyle: "short" });
    this.#day = new Intl.DateTimeFormat(tag, { weekday: "long", day: "numeric", month: "long" });
    this.#dayOfYear = new Intl.DateTimeFormat(tag, { dateStyle: "long" });
    this.#relative = new Intl.RelativeTimeFormat(tag, { numeric: "auto" });
  }

  counted(text: Counted, count: number): string {
    const form = this.#plural.select(count) === "one" ? text.one : text.other;
    return form.replace("{count}", this.#number.format(count));
  }

  time(date: Date): string {
    return this.#time.format(date);
  }

  /** "Today", "Yesterday", then the date; with its year when that is another one. */
  day(date: Date, now: Date): string {
    const days = Math.round((startOf(date) - startOf(now)) / 86_400_000);
    if (days === 0 || days === -1) return capitalised(this.#relative.format(days, "day"), this.tag);
    return capitalised((date.getFullYear() === now.getFullYear() ? this.#day : this.#dayOfYear).format(date), this.tag);
  }
}

function startOf(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

function capitalised(text: string, tag: string): string {
  return text.slice(0, 1).toLocaleUpperCase(tag) + text.slice(1);
}
