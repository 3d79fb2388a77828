const FOCUSABLE = "a[href], button:not(:disabled), textarea, [tabindex='0']";

/** Keeps the focus in a panel: Tab goes from its last control to its first one, and back. */
export function keepFocus(panel: HTMLElement, event: KeyboardEvent): void {
  if (event.key !== "Tab") return;
  const all = [...panel.querySelectorAll<HTMLElement>(FOCUSABLE)];
  const first = all.find(isReachable);
  const last = all.findLast(isReachable);
  const { activeElement } = panel.getRootNode() as ShadowRoot;
  const isLeaving = activeElement === (event.shiftKey ? first : last) || (event.shiftKey && activeElement === panel);
  if (!isLeaving) return;
  event.preventDefault();
  (event.shiftKey ? last : first)?.focus();
}

function isReachable(element: HTMLElement): boolean {
  return element.tabIndex >= 0 && element.getClientRects().length > 0;
}
