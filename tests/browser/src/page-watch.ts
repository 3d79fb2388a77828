import type { BrowserContext } from "playwright-core";

/** What only the page can see, it tells the watch. */
function listenInPage(): void {
  const tell = (fault: string): void => void Reflect.get(window, "tellWatch")(fault);
  // What hostile replies call if they can.
  Object.assign(window, { ran: () => tell("a script of a reply has run") });
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
    tell(`against the page's policy: ${violatedDirective} ${blockedURI}`);
  });
}

/** Notes what must not happen on any page: errors, dialogs, violations of its policy, requests to others. */
export class PageWatch {
  readonly faults: string[] = [];
  #allowed = new Set<string>();

  /** Requests may go to this origin. */
  allow(origin: string): void {
    this.#allowed.add(origin);
  }

  /** Watches all pages of the context, those that open by themselves too. */
  async watch(context: BrowserContext): Promise<void> {
    context.on("weberror", (webError) => this.faults.push(`error: ${webError.error().stack}`));
    context.on("request", (request) => this.#lookAt(request.url()));
    context.on("dialog", (dialog) => {
      this.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await context.exposeFunction("tellWatch", (fault: string) => this.faults.push(fault));
    await context.addInitScript(listenInPage);
  }

  #lookAt(url: string): void {
    if (!this.#allowed.has(new URL(url).origin)) this.faults.push(`request: ${url}`);
  }
}
