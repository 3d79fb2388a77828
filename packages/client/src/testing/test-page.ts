import type { Page } from "../page-events.ts";

class PageDocument extends EventTarget {
  visibilityState = "visible";
}

/** A page whose network and sight tests decide on. */
export class TestPage implements Page {
  readonly window = new EventTarget();
  readonly document = new PageDocument();

  goOnline(): void {
    this.window.dispatchEvent(new Event("online"));
  }

  goOffline(): void {
    this.window.dispatchEvent(new Event("offline"));
  }

  hide(): void {
    this.#become("hidden");
  }

  show(): void {
    this.#become("visible");
  }

  /** Another tab has changed an item of the storage; null: all of them. */
  tellStored(key: string | null): void {
    this.window.dispatchEvent(Object.assign(new Event("storage"), { key }));
  }

  #become(visibilityState: string): void {
    this.document.visibilityState = visibilityState;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }
}
