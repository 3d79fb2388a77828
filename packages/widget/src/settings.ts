import { chooseLanguage } from "./texts/choose-texts.ts";
import { Phrases } from "./texts/phrases.ts";
import type { TextOverrides } from "./texts/texts.ts";

/** Attributes that are short for a text. */
const TEXT_ATTRIBUTES = ["heading", "subheading", "greeting", "placeholder"] as const;

/** Attributes that change what is shown, beside those that only the style sheet reads. */
export const VIEW_ATTRIBUTES = ["inline", "lang", ...TEXT_ATTRIBUTES] as const;

/** Attributes that say whose conversation is shown. */
export const CLIENT_ATTRIBUTES = ["gateway", "user-id"] as const;

/** The gateway that this script came from: it serves it as `<gateway>/widget/widget.js`. */
const OWN_GATEWAY = new URL("../", import.meta.url).href;

/** Base URL of the gateway, without a slash at its end. */
export function gatewayOf(element: Element): string {
  const { origin, pathname } = new URL(element.getAttribute("gateway") || OWN_GATEWAY, document.baseURI);
  return origin + pathname.replace(/\/+$/, "");
}

/** The texts in the language of the element, else the page's, else the browser's. */
export function phrasesOf(element: Element, overrides: TextOverrides): Phrases {
  const page = element.parentElement?.closest("[lang]")?.getAttribute("lang");
  const attributes = TEXT_ATTRIBUTES.flatMap((name) => {
    const value = element.getAttribute(name);
    return value === null ? [] : [[name, value]];
  });
  const language = chooseLanguage(element.getAttribute("lang"), [page, ...navigator.languages]);
  return new Phrases(language, { ...Object.fromEntries(attributes), ...overrides });
}
