import { de } from "./de.ts";
import { en } from "./en.ts";
import { es } from "./es.ts";
import { fr } from "./fr.ts";
import type { Texts } from "./texts.ts";
import { zhCn } from "./zh-cn.ts";

/** A language and its texts. */
export interface Language {
  /** BCP 47, for dates, numbers and screen readers. */
  readonly tag: string;
  readonly texts: Texts;
}

/** By primary language; Chinese of every kind is better served by simplified characters than by English. */
const LANGUAGES: Readonly<Record<string, Language>> = {
  en: { tag: "en", texts: en },
  de: { tag: "de", texts: de },
  es: { tag: "es", texts: es },
  fr: { tag: "fr", texts: fr },
  zh: { tag: "zh-CN", texts: zhCn },
};

/**
 * The first of the wanted languages that there are texts for, else English. A region is kept, for its dates. A language
 * that was asked for by the page itself gets its dates and numbers even so: the texts may be the page's own.
 */
export function chooseLanguage(asked: string | null, others: readonly (string | null | undefined)[]): Language {
  const known = [asked, ...others].map((tag) => findLanguage(tag)).find((language) => language !== undefined);
  const isForeign = asked !== null && isLanguage(asked) && findLanguage(asked) === undefined;
  return isForeign ? { tag: asked, texts: en } : (known ?? { tag: "en", texts: en });
}

function findLanguage(tag: string | null | undefined): Language | undefined {
  const [primary = "", region = ""] = tag?.trim().split(/[-_]/) ?? [];
  const language = LANGUAGES[primary.toLowerCase()];
  const keepsRegion = primary.toLowerCase() !== "zh" && /^[A-Za-z]{2}$/.test(region);
  return language && keepsRegion ? { ...language, tag: `${language.tag}-${region.toUpperCase()}` } : language;
}

function isLanguage(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}
