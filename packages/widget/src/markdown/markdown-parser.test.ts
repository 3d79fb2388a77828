import { describe, expect, test } from "vitest";
import { parseBlocks, toHtml } from "./markdown-parser.ts";
import { settledBlocks } from "./settled-blocks.ts";

function html(text: string): string {
  return toHtml(parseBlocks(text)).trim();
}

describe("the parser", () => {
  test("knows what replies are written in", () => {
    expect(html("**a** *b* ~~c~~ `d`")).toBe("<p><strong>a</strong> <em>b</em> <del>c</del> <code>d</code></p>");
    expect(html("one\ntwo")).toBe("<p>one<br>two</p>");
    expect(html("- [x] done\n- [ ] open")).toMatch(/<li class="task">☑ done<\/li>\s*<li class="task">☐ open<\/li>/);
    expect(html("| a |\n| --: |\n| b<br/>c |")).toMatch(/<td align="right">b<br>c<\/td>/);
  });

  test("has one level of headings", () => {
    expect(html("# a\n\n## b\n\n### c")).toBe("<h3>a</h3>\n<h3>b</h3>\n<p><strong>c</strong></p>");
  });

  test("makes links of images", () => {
    expect(html('![a "b"](https://x.example/i.png)')).toBe(
      '<p><a href="https://x.example/i.png">a &quot;b&quot;</a></p>',
    );
  });

  test("makes text of an image in a link", () => {
    expect(html("[![Build](https://x.example/i.png)](https://ci.example)")).toBe(
      '<p><a href="https://ci.example">Build</a></p>',
    );
    expect(html("[a *![b](https://x.example/i.png)*](https://ci.example)")).toBe(
      '<p><a href="https://ci.example">a <em>b</em></a></p>',
    );
  });

  test.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<pre><img src=x onerror=alert(1)></pre>",
    "text <b onclick=alert(1)>bold</b>",
    "<!-- <img src=x> --> <svg onload=alert(1)>",
    "<br onclick=alert(1)>",
    "<div>\n\n<iframe src=//x>\n\n</div>",
  ])("lets no markup through: %s", (text) => {
    expect(html(text)).not.toMatch(/<(?!\/?p>)/);
  });
});

describe("settledBlocks", () => {
  const settled = (text: string): string => {
    const blocks = parseBlocks(text);
    return blocks
      .slice(0, settledBlocks(blocks))
      .map(({ raw }) => raw)
      .join("");
  };

  test("leaves out the last block, which may go on", () => {
    expect(settled("one")).toBe("");
    expect(settled("one\n\n")).toBe("");
    expect(settled("one\n\ntwo")).toBe("one\n\n");
    expect(settled("one\n\n```js\ntwo\n\nthree")).toBe("one\n\n");
    expect(settled("- one\n\n")).toBe("");
  });

  test("a text that grows reads the same, whole and piece by piece", () => {
    const text =
      "Intro *one*\ntwo\n\n# Title\n\nSetext\n===\n\n1. a\n\n   still a\n2. b\n   - c\n\n> quote\nlazy\n\n" +
      "1. a\n\n1. b\n\n1. c\n\n10. x\n\n11. y\n\ntext\n\n1) p\n\n2) q\n\n" +
      "```js\nconst a = `1`;\n\n- no list\n```\n\n| h | i |\n|---|:-:|\n| 1 | 2 |\n\n    code\n\nend\n- x\n\n\n- y\n\n---\nlast";
    for (const step of [1, 2, 3, 7, 50]) {
      let [known, rendered] = ["", ""];
      for (let end = step; end < text.length; end += step) {
        const blocks = parseBlocks(text.slice(known.length, end));
        const done = blocks.slice(0, settledBlocks(blocks));
        rendered += toHtml(done);
        known += done.map(({ raw }) => raw).join("");
        expect(text.startsWith(known)).toBe(true);
      }
      expect(rendered + html(text.slice(known.length)) + "\n").toBe(html(text) + "\n");
    }
  });
});
