import { describe, expect, test } from "vitest";
import { chooseLanguage } from "./choose-texts.ts";
import { de } from "./de.ts";
import { en } from "./en.ts";
import { es } from "./es.ts";
import { fr } from "./fr.ts";
import type { Texts } from "./texts.ts";
import { zhCn } from "./zh-cn.ts";

const ALL = Object.entries({ en, de, es, fr, zhCn });

describe("texts", () => {
  test.each(ALL)("%s has every text, and no other", (_name, texts) => {
    expect(Object.keys(texts).toSorted()).toEqual(Object.keys(en).toSorted());
    const empty = Object.entries(texts).filter(([name, text]) => text === "" && name !== "subheading");
    expect(empty).toEqual([]);
  });

  test.each(ALL)("%s names the number in every counted text", (_name, texts: Texts) => {
    const counted = Object.values(texts).filter((text) => typeof text === "object");
    expect(counted.length).toBeGreaterThan(0);
    for (const { one, other } of counted) expect([one, other].join()).toMatch(/\{count\}.*\{count\}/);
  });

  test.each(ALL.slice(1))("%s is translated", (_name, texts) => {
    const same = Object.entries(texts).filter(([name, text]) => text === en[name as keyof Texts] && text !== "");
    // Words that are the same in both languages.
    expect(
      same.map(([name]) => name).filter((name) => !["heading", "conversation", "message", "assistant"].includes(name)),
    ).toEqual([]);
  });
});

describe("chooseLanguage", () => {
  test("takes what the element asks for, then the page's, then the browser's", () => {
    expect(chooseLanguage("fr", ["de"]).texts).toBe(fr);
    expect(chooseLanguage(null, ["de", "es"]).texts).toBe(de);
    expect(chooseLanguage(null, [undefined, "xx", "es"]).texts).toBe(es);
    expect(chooseLanguage(null, []).texts).toBe(en);
  });

  test("keeps the region for dates, and knows all kinds of Chinese", () => {
    expect(chooseLanguage("de-AT", [])).toEqual({ tag: "de-AT", texts: de });
    expect(chooseLanguage("EN_gb", [])).toEqual({ tag: "en-GB", texts: en });
    expect(chooseLanguage("zh-Hant-TW", [])).toEqual({ tag: "zh-CN", texts: zhCn });
  });

  test("keeps a language that the element asks for, since the texts may be the page's own", () => {
    expect(chooseLanguage("ar", ["de"])).toEqual({ tag: "ar", texts: en });
    expect(chooseLanguage("not a tag", ["de"])).toEqual({ tag: "de", texts: de });
  });
});
