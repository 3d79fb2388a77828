const given = new Set<string>();

/** Tells whoever builds the page what it lacks; each thing once. */
function hint(text: string): void {
  if (given.has(text)) return;
  given.add(text);
  // oxlint-disable-next-line no-console -- the developer of somebody else's page has nothing else to look at
  console.warn(`<chat-relay> ${text}`);
}

/**
 * No answer came from the gateway, and a browser does not tell a page of another origin why. If the gateway gives what
 * any page may have, then it is the permission that is missing.
 */
export async function hintAtOrigin(gateway: string): Promise<void> {
  if (new URL(gateway).origin === location.origin) return;
  try {
    await fetch(`${gateway}/widget/widget.js`, { method: "HEAD", cache: "no-store" });
  } catch {
    return; // it is not to be reached at all
  }
  hint(`${gateway} answers, but not to this page. Is ${location.origin} in the gateway's CHAT_ALLOWED_ORIGINS?`);
}

/** The page says who the visitor is, and gives no proof of it. */
export function hintAtProof(): void {
  hint(
    "user-id was sent without a proof: getUserToken gave no token. " +
      "A gateway with CHAT_IDENTITY_SECRET refuses the session (401). " +
      'One without it takes the id as a mere label: the workflow is told "authenticated": false.',
  );
}
