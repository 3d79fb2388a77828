import createPurifier, { type Config } from "dompurify";

const TAGS = "a blockquote br code del em h3 hr li ol p pre strong table tbody td th thead tr ul".split(" ");

/** Absolute addresses of the web and of mail; nothing that runs, and nothing relative to the page around the chat. */
const SAFE_LINK = /^(?:https?:\/\/|mailto:)/i;

type Policy = { createHTML: (html: string) => string; createScriptURL: () => string };
type Factory = { createPolicy(name: string, policy: Policy): Policy };

// Of our own, since a page may run DOMPurify itself, and a policy's name can be taken once.
const policy = (window as { trustedTypes?: Factory }).trustedTypes?.createPolicy("chat-relay", {
  createHTML: (html) => html, // only ever read by DOMPurify, into a document where nothing runs
  createScriptURL: () => "",
});

const purifier = createPurifier(window);

/** The classes that the parser makes itself: what language code is in, and a list's task. */
const OWN_CLASS = /^(?:language-[\w+#.-]{1,20}|task)$/;

purifier.addHook("afterSanitizeAttributes", (element) => {
  if (!OWN_CLASS.test(element.className)) element.removeAttribute("class");
  if (element.nodeName !== "A") return;
  if (!SAFE_LINK.test(element.getAttribute("href") ?? "")) element.removeAttribute("href");
  else {
    element.setAttribute("target", "_blank");
    element.setAttribute("rel", "noopener noreferrer nofollow");
  }
});

/** Nodes of an HTML text with nothing in them that runs, loads, names or styles anything. */
export function sanitize(html: string): DocumentFragment {
  return purifier.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["align", "class", "href", "start", "title"],
    ADD_URI_SAFE_ATTR: ["align", "start"],
    ALLOW_ARIA_ATTR: false,
    ALLOW_DATA_ATTR: false,
    ALLOWED_URI_REGEXP: SAFE_LINK,
    RETURN_DOM_FRAGMENT: true,
    TRUSTED_TYPES_POLICY: policy as Config["TRUSTED_TYPES_POLICY"],
  });
}
