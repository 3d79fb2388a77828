import { expect, test } from "vitest";
import { de } from "./de.ts";
import { en } from "./en.ts";
import { Phrases } from "./phrases.ts";

const english = new Phrases({ tag: "en", texts: en }, {});
const german = new Phrases({ tag: "de", texts: de }, { heading: "Hilfe" });

test("the page's own texts take the place of the language's", () => {
  expect(german.texts.heading).toBe("Hilfe");
  expect(german.texts.send).toBe(de.send);
});

test("numbers choose their form and are written as the language does", () => {
  expect(english.counted(en.newMessages, 1)).toBe("1 new message");
  expect(english.counted(en.left, 1_234)).toBe("1,234 characters left");
  expect(german.counted(de.left, 1_234)).toBe("Noch 1.234 Zeichen");
});

test("days are told as people do", () => {
  const now = new Date(2026, 2, 10, 0, 30);
  expect(english.day(new Date(2026, 2, 10, 0, 1), now)).toBe("Today");
  expect(english.day(new Date(2026, 2, 9, 23, 59), now)).toBe("Yesterday");
  expect(german.day(new Date(2026, 2, 8), now)).toBe("Sonntag, 8. März");
  expect(german.day(new Date(2025, 11, 31), now)).toBe("31. Dezember 2025");
});
