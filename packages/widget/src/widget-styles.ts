import css from "./styles/styles.css";

let sheet: CSSStyleSheet | null = null;

/** The widget's style sheet. Constructed, not written into the page: a strict Content-Security-Policy lets it be. */
export function widgetStyles(): CSSStyleSheet {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
  }
  return sheet;
}
