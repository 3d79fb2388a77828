import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { N8n } from "./rig/n8n.ts";
import { callDirectly, signedCall, type SignedCall } from "./rig/signed-call.ts";
import { startN8n } from "./rig/start-n8n.ts";
import { nodeOf, readWorkflow, variantOf, type Workflow } from "./rig/workflow.ts";

const WORKFLOW = "answer-in-response.json";

/** The workflow without one of the three things that "Genuine?" asks for. */
function unguarded(condition: string): Workflow {
  const { parameters } = structuredClone(nodeOf(readWorkflow(WORKFLOW), "Genuine?"));
  const asked = parameters["conditions"] as { conditions: { id: string }[] };
  asked.conditions = asked.conditions.filter(({ id }) => id !== condition);
  return variantOf(WORKFLOW, `not-${condition}`, { "Genuine?": { parameters } });
}

let n8n: N8n;

beforeAll(async () => {
  n8n = await startN8n({ workflows: ["signed", "fresh", "utf8"].map(unguarded) });
});
afterAll(() => n8n[Symbol.asyncDispose]());

const call = (signed: SignedCall) => callDirectly(n8n.webhook("chat-relay-answer"), signed);

const HARD_TEXTS = [
  ["umlauts and signs of four bytes", "Grüße, 你好, ﷽, 👩‍👩‍👧‍👦 und 𝄞"],
  ["marks that combine, and both ways to write é", "e\u0301 é Z\u0351\u036b\u0343"],
  ["what means something to n8n", "{{ $json.raw }} ={{ 1 + 1 }} $& $1 \\u00e4 \\n"],
  ["quotes, line ends and the separators of JavaScript", "\"'`</script>\r\n\t\u2028\u2029"],
  ["a byte order mark and the replacement character", "\ufeffone \ufffd two"],
  ["right to left", "\u202eשלום مرحبا\u202c"],
] as const;

describe("plain n8n nodes verify a signature byte for byte", () => {
  test.each(HARD_TEXTS)("of a text with %s, which arrives as it was", async (_name, text) => {
    const { status, text: answer } = await call(signedCall(text));
    expect(status).toBe(200);
    expect(JSON.parse(answer)).toEqual({ output: `You said: ${text}` });
  });

  test("of one as long as the gateway takes", async () => {
    const text = "ä👋".repeat(2_000);
    const { text: answer } = await call(signedCall(text));
    expect(JSON.parse(answer)).toEqual({ output: `You said: ${text}` });
  });
});

function changed({ body, headers }: SignedCall, change: (body: string) => string): SignedCall {
  return { headers, body: Buffer.from(change(body.toString())) };
}

function withHeaders({ body, headers }: SignedCall, changes: Record<string, string | undefined>): SignedCall {
  const all = Object.entries({ ...headers, ...changes });
  return {
    body,
    headers: Object.fromEntries(all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
  };
}

/** One byte in the place of the character's own: some decoders take it for the same text. */
function withByte({ body, headers }: SignedCall, character: string, byte: number): SignedCall {
  const at = body.indexOf(character);
  const rest = body.subarray(at + Buffer.byteLength(character));
  return { headers, body: Buffer.concat([body.subarray(0, at), Buffer.of(byte), rest]) };
}

const signature = (signed: SignedCall) => String(signed.headers["webhook-signature"]);
const now = () => String(Math.floor(Date.now() / 1_000));

const FORGED: [string, () => SignedCall][] = [
  ["a body with another text", () => changed(signedCall("Grüße"), (body) => body.replaceAll("Grüße", "Grüsse"))],
  ["a body with a blank more", () => changed(signedCall("Grüße"), (body) => `${body} `)],
  ["a body with a byte that is no UTF-8, for U+FFFD", () => withByte(signedCall("a \ufffd b"), "\ufffd", 0xff)],
  ["a body with a letter in Latin 1", () => withByte(signedCall("a ÿ b"), "ÿ", 0xff)],
  ["a byte order mark before the body", () => changed(signedCall("Grüße"), (body) => `\ufeff${body}`)],
  ["another composition of the same letter", () => changed(signedCall("é"), (body) => body.normalize("NFD"))],
  ["a signature of 301 seconds ago", () => signedCall("Grüße", { ageSeconds: 301 })],
  ["one from 330 seconds ahead", () => signedCall("Grüße", { ageSeconds: -330 })],
  [
    "an old signature under a new time",
    () => withHeaders(signedCall("Grüße", { ageSeconds: 400 }), { "webhook-timestamp": now() }),
  ],
  [
    "the signature of another message",
    () => withHeaders(signedCall("Grüße"), { "webhook-signature": signature(signedCall("Grüße")) }),
  ],
  [
    "the id of another message",
    () => withHeaders(signedCall("Grüße"), { "webhook-id": "0199aaaa-0000-7000-8000-000000000000" }),
  ],
  ["another secret", () => signedCall("Grüße", { secret: "another-plain-secret-of-the-tests" })],
  ["no signature", () => withHeaders(signedCall("Grüße"), { "webhook-signature": undefined })],
  ["no body", () => changed(signedCall("Grüße"), () => "")],
  ["nothing at all", () => ({ headers: {}, body: Buffer.alloc(0) })],
  ["no time", () => withHeaders(signedCall("Grüße"), { "webhook-timestamp": undefined })],
  ["a signature of another kind", () => withHeaders(signedCall("Grüße"), { "webhook-signature": "v2,AAAA v1a,AAAA" })],
];

// The Webhook node keeps no bytes of a form, and "Raw body" fails: an error before anything of the workflow's own has run.
function asForm(signed: SignedCall): SignedCall {
  const { headers } = withHeaders(signed, { "content-type": "multipart/form-data; boundary=x" });
  const part = 'content-disposition: form-data; name="chatInput"';
  return { headers, body: Buffer.from(`--x\r\n${part}\r\n\r\nGrüße\r\n--x--\r\n`) };
}

describe("they refuse", () => {
  test.each(FORGED)("%s", async (_name, forge) => {
    expect(await call(forge())).toMatchObject({ status: 401, text: '{"error":"not signed by chat-relay"}' });
  });

  test("a form", async () => {
    expect(await call(asForm(signedCall("Grüße")))).toMatchObject({
      status: 500,
      text: '{"message":"Error in workflow"}',
    });
  });

  test("nothing that is signed, so that the cases above fail for their own reason", async () => {
    expect(await call(signedCall("Grüße"))).toMatchObject({ status: 200 });
    expect(await call(signedCall("Grüße", { ageSeconds: 280 }))).toMatchObject({ status: 200 });
    const signed = signedCall("Grüße");
    const several = `v1,AAAA ${signature(signed)} v1,BBBB`;
    expect(await call(withHeaders(signed, { "webhook-signature": several }))).toMatchObject({ status: 200 });
  });

  test("a forged one within a stream, before anything has run", async () => {
    const forged = changed(signedCall("Grüße"), (body) => body.replaceAll("Grüße", "Grüsse"));
    const { status, text } = await callDirectly(n8n.webhook("chat-relay-stream"), forged);
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string });
    expect(status).toBe(200);
    expect(lines).toMatchObject([{ type: "error", metadata: { nodeName: "Refuse" } }]);
  });
});

// Each of the three questions is what refuses: without it, what is refused above gets through.
test.each<[string, string, () => SignedCall]>([
  ["signed", "another secret", () => signedCall("Grüße", { secret: "another-plain-secret-of-the-tests" })],
  ["fresh", "a signature of 301 seconds ago", () => signedCall("Grüße", { ageSeconds: 301 })],
  ["fresh", "one from 330 seconds ahead", () => signedCall("Grüße", { ageSeconds: -330 })],
  ["utf8", "a body with a letter in Latin 1", () => withByte(signedCall("a ÿ b"), "ÿ", 0xff)],
])("without the condition %s, %s gets through", async (condition, _name, forge) => {
  const forged = forge();
  expect(await callDirectly(n8n.webhook(`not-${condition}`), forged)).toMatchObject({ status: 200 });
  expect(await call(forged)).toMatchObject({ status: 401 });
});
