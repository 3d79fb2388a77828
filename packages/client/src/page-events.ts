/** What of the page can tell that waiting is over; in Node there is none of it. */
export interface Page {
  readonly window: EventTarget | undefined;
  readonly document: (EventTarget & { readonly visibilityState: string }) | undefined;
}

/** The page that this runs in. */
export function currentPage(): Page {
  const { document } = globalThis as { document?: Document };
  return { window: typeof globalThis.addEventListener === "function" ? globalThis : undefined, document };
}

/** Whether the browser knows that there is no network. That it thinks there is one means little. */
export function isKnownOffline(): boolean {
  return (globalThis as { navigator?: { onLine?: boolean } }).navigator?.onLine === false;
}

/** Whether the page is out of sight: in a tab behind others, or not shown yet. */
export function isHidden({ document }: Page): boolean {
  return document?.visibilityState === "hidden";
}

export interface PageListener {
  /** The network, or the page itself. */
  back(): void;
  hidden(): void;
  offline(): void;
  /** Another tab has changed this item of localStorage; null: any. */
  stored(key: string | null): void;
}

/** Hears of the network, of the page's going out of sight and of other tabs, until the signal says otherwise. */
export function watchPage(page: Page, signal: AbortSignal, on: PageListener): void {
  const { window, document } = page;
  const options = { signal };
  window?.addEventListener("online", () => on.back(), options);
  window?.addEventListener("offline", () => on.offline(), options);
  window?.addEventListener("storage", (event) => on.stored((event as StorageEvent).key), options);
  const look = (): void => (isHidden(page) ? on.hidden() : on.back());
  document?.addEventListener("visibilitychange", look, options);
  if (isHidden(page)) on.hidden();
}
