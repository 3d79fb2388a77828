/** On small screens the panel takes all of it; the same query as in panel.css. */
const SMALL = "(width <= 480px), (height <= 420px)";

/**
 * Fits the panel into what the keyboard leaves of a small screen: layout heights do not know of it. Returns the way to
 * end that.
 */
export function fitSmallScreen(panel: HTMLElement, onChange: (isFull: boolean) => void): () => void {
  const end = new AbortController();
  const query = matchMedia(SMALL);
  const view = globalThis.visualViewport;
  const fit = (): void => {
    const isFitted = query.matches && view !== null && view.scale <= 1; // who has zoomed in looks around as ever
    panel.style.setProperty("--view-height", isFitted ? `${view.height}px` : "");
    panel.style.setProperty("--view-top", isFitted ? `${view.offsetTop}px` : "");
    onChange(query.matches);
  };
  const options = { signal: end.signal };
  for (const event of ["resize", "scroll"]) view?.addEventListener(event, fit, options);
  query.addEventListener("change", fit, options);
  fit();
  return () => end.abort();
}
