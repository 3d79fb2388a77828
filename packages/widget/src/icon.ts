/** Outlines on a grid of 24. */
const PATHS = {
  chat: "M21 11.5a8.4 8.4 0 0 1-8.5 8.3 8.8 8.8 0 0 1-3.8-.9L3 20.8l1.9-5.5a8.1 8.1 0 0 1-.9-3.8 8.4 8.4 0 0 1 8.5-8.3 8.4 8.4 0 0 1 8.5 8.3Z",
  down: "m6 9 6 6 6-6",
  close: "M18 6 6 18M6 6l12 12",
  send: "M12 19V5M6 11l6-6 6 6",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7.5V12l3 2",
  check: "m5 12.5 4.5 4.5L19 7.5",
  checks: "m2 12.5 4.5 4.5L16 7.5M12 16l1 1 9.5-9.5",
  alert: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7.8v4.7M12 16.1v.1",
  copy: "M9 9h10.5v10.5H9ZM15 9V4.5H4.5V15H9",
} as const;

export type IconName = keyof typeof PATHS;

const SVG = "http://www.w3.org/2000/svg";

/** A drawn icon in the colour of the text around it; what it means is said by the control that it is in. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
