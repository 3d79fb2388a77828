import { ChatRelayElement } from "./chat-relay-element.ts";

// A page may have the script twice.
if (customElements.get("chat-relay") === undefined) customElements.define("chat-relay", ChatRelayElement);
