import { streamAnswers } from "@chat-relay/testkit/streamed-answer";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { describe, expect, test } from "vitest";
import type { ChatPage } from "./chat-page.ts";
import { HOSTILE_REPLIES } from "./hostile-replies.ts";
import { useBrowser } from "./use-browser.ts";

const world = useBrowser(({ origin }) => ({ CHAT_ALLOWED_ORIGINS: origin, CHAT_PIECES_PER_SECOND: "1000" }));

const ALLOWED = new Set(
  "A BLOCKQUOTE BR BUTTON CODE DEL DIV EM H3 HR LI OL P PATH PRE SPAN STRONG SVG TABLE TBODY TD TH THEAD TIME TR UL".split(
    " ",
  ),
);
const ALLOWED_ATTRIBUTES = new Set(
  "align aria-hidden aria-label class d datetime dir href rel role start tabindex target title type viewBox".split(" "),
);

interface Seen {
  tags: string[];
  attributes: string[];
  links: { href: string; rel: string; target: string }[];
}

/** What replies have become on the page. */
function lookAtReplies(chat: ChatPage): Promise<Seen> {
  return chat.entries.filter({ hasText: "Assistant: " }).evaluateAll((entries) => {
    const all = entries.flatMap((entry) => [...entry.querySelectorAll("*")]);
    const links = all.filter((element) => element instanceof HTMLAnchorElement);
    return {
      tags: [...new Set(all.map(({ tagName }) => tagName.toUpperCase()))],
      attributes: [...new Set(all.flatMap((element) => element.getAttributeNames()))],
      links: links.flatMap((link) =>
        link.hasAttribute("href") ? [{ href: link.href, rel: link.rel, target: link.target }] : [],
      ),
    };
  });
}

async function expectHarmless(chat: ChatPage): Promise<void> {
  const { tags, attributes, links } = await lookAtReplies(chat);
  expect(tags.filter((tag) => !ALLOWED.has(tag))).toEqual([]);
  expect(attributes.filter((name) => !ALLOWED_ATTRIBUTES.has(name))).toEqual([]);
  for (const link of links) {
    expect(link.href).toMatch(/^(?:https?:\/\/|mailto:)/);
    expect(new Set(link.rel.split(" "))).toEqual(new Set(["noopener", "noreferrer", "nofollow"]));
    expect(link.target).toBe("_blank");
  }
}

/** Cut before and after everything that means something to a parser. */
function piecesOf(text: string): string[] {
  return text.split(/(?<=[<>"'`()[\]:&;=/\\!\s{}])|(?=[<>"'`()[\]:&;=/\\!\s{}])/);
}

const PAGES = {
  "the gateway's page": () => world().stack.gateway.url,
  "a page without any policy": () => world().site.page(world().snippet),
};

describe.each(Object.entries(PAGES))("on %s", (_name, page) => {
  test("no hostile reply does anything, nor calls anybody", async () => {
    world().stack.n8n.answerWith(() => ({ body: [...HOSTILE_REPLIES.map(({ text }) => text), "The end."] }));
    const chat = await world().openChat({}, page());
    await chat.send("Do your worst");
    await chat.entry("The end.").getByRole("time").waitFor();
    await expectHarmless(chat);
  });

  test("nor while it comes in pieces, wherever it is cut", async () => {
    const next = streamAnswers(world().stack.n8n);
    const chat = await world().openChat({}, page());
    await chat.send("Do your worst, slowly");
    const answer = await next();
    const all = HOSTILE_REPLIES.map(({ text }) => piecesOf(text));
    const rounds = Math.max(...all.map((pieces) => Math.min(pieces.length, 60)));
    for (let round = 0; round < rounds; round += 1) {
      for (const [block, pieces] of all.entries()) {
        const last = round === rounds - 1 ? undefined : round + 1;
        const text = pieces.slice(round, last).join("");
        if (text !== "") answer.say(text, block);
      }
      answer.say(`Round ${round}. `, all.length);
      await chat.entry(`Round ${round}.`).waitFor();
      if (round % 10 === 0) await expectHarmless(chat);
    }
    await expectHarmless(chat);
    answer.end();
    await chat.entry("Round 0.").getByRole("time").waitFor();
    await expectHarmless(chat);
  });
});

test("each of those that act by themselves does so where it is taken for markup, and would be noticed", async () => {
  const acting = HOSTILE_REPLIES.filter(({ acts }) => acts);
  const silent = new Set(acting.map(({ name }) => name));
  const context = await world().browser.newContext();
  await context.route(/evil\.example/, (route) => route.abort());
  const page = await context.newPage();
  await page.exposeFunction("acted", (name: string) => silent.delete(name));
  page.on("request", (request) => {
    const [, index] = /\/\/n(\d+)\.evil/.exec(request.url()) ?? [];
    silent.delete(acting[Number(index)]?.name ?? "");
  });
  await page.goto(world().site.page("<!doctype html><title>Naive</title>"));
  await page.evaluate((replies) => {
    for (const [index, { name, text }] of replies.entries()) {
      const frame = document.createElement("iframe");
      document.body.append(frame);
      Object.assign(frame.contentWindow ?? {}, { ran: () => Reflect.get(window, "acted")(name) });
      const markup = text.replaceAll("//evil.example", `//n${index}.evil.example`);
      frame.contentDocument?.body.insertAdjacentHTML("beforeend", markup);
    }
  }, acting);
  await waitFor("all of them", () => silent.size === 0, 10_000).catch(() => undefined);
  await context.close();
  expect([...silent]).toEqual([]);
});
