import { expect, test } from "vitest";
import { html, prose } from "./html.ts";

test("values are escaped, HTML is not, and lists are joined", () => {
  const evil = `<script>"x" & 'y'</script>`;
  expect(html`<p title="${evil}">${[html`<b>${1}</b>`, undefined, "<"]}</p>`.source).toBe(
    `<p title="&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;"><b>1</b>&lt;</p>`,
  );
});

test("code between back quotes", () => {
  expect(prose("a `<b>` c").source).toBe("a <code>&lt;b&gt;</code> c");
  expect(prose(undefined).source).toBe("");
});
