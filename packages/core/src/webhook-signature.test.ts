import type { KeyObject } from "node:crypto";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import {
  parseWebhookSecrets,
  signWebhook,
  verifyWebhook,
  webhookKeys,
  type WebhookHeaders,
} from "./webhook-signature.ts";

// The example that Standard Webhooks publishes.
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIMESTAMP = 1_614_265_330;
const BODY = Buffer.from('{"test": 2432232314}');
const SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

const HEADERS = { id: ID, timestamp: String(TIMESTAMP), signature: SIGNATURE };
const CLOCK = { nowMs: TIMESTAMP * 1_000, toleranceMs: 300_000 };
const OTHER_SECRET = "another-secret-of-many-characters";

function verify(changes: Partial<WebhookHeaders> = {}, body: Uint8Array = BODY, clock = CLOCK, secrets = SECRET) {
  return verifyWebhook(webhookKeys(secrets), { ...HEADERS, ...changes }, body, clock);
}

function firstKey(secrets = SECRET): KeyObject {
  const [key] = webhookKeys(secrets);
  if (key === undefined) throw new Error("no key");
  return key;
}

describe("the published vector", () => {
  test("signs as published", () => {
    expect(signWebhook(firstKey(), ID, TIMESTAMP, BODY)).toBe(SIGNATURE);
  });

  test("verifies as published", () => {
    expect(verify()).toEqual({ ok: true });
  });
});

describe("the library `standardwebhooks`", () => {
  const now = Math.floor(Date.now() / 1_000); // the library looks at the clock itself
  const text = JSON.stringify({ content: "Grüße 👋" });

  test("verifies what we sign", () => {
    const signature = signWebhook(firstKey(), ID, now, Buffer.from(text));
    const headers = { "webhook-id": ID, "webhook-timestamp": String(now), "webhook-signature": signature };
    expect(new Webhook(SECRET).verify(text, headers)).toEqual({ content: "Grüße 👋" });
  });

  test("signs what we verify", () => {
    const signature = new Webhook(SECRET).sign(ID, new Date(now * 1_000), text);
    const headers = { id: ID, timestamp: String(now), signature };
    expect(verify(headers, Buffer.from(text), { ...CLOCK, nowMs: now * 1_000 })).toEqual({ ok: true });
  });

  test("agrees with us on any body and id, and on a raw secret", () => {
    const library = new Webhook(OTHER_SECRET, { format: "raw" });
    const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        id,
        fc.integer({ min: 1, max: 4_000_000_000 }),
        (body, messageId, at) => {
          const ours = signWebhook(firstKey(OTHER_SECRET), messageId, at, Buffer.from(body));
          expect(ours).toBe(library.sign(messageId, new Date(at * 1_000), body));
        },
      ),
    );
  });
});

describe("rotation", () => {
  const both = `${OTHER_SECRET} ${SECRET}`;

  test("the first secret signs", () => {
    const first = firstKey(both);
    expect(first.export().toString()).toBe(OTHER_SECRET);
    expect(signWebhook(first, ID, TIMESTAMP, BODY)).not.toBe(SIGNATURE);
  });

  test("every secret verifies", () => {
    expect(verify({}, BODY, CLOCK, both)).toEqual({ ok: true });
    const signature = signWebhook(firstKey(both), ID, TIMESTAMP, BODY);
    expect(verify({ signature }, BODY, CLOCK, both)).toEqual({ ok: true });
    expect(verify({ signature })).toEqual({ ok: false, reason: "signature_mismatch" });
  });

  test("one good signature among several is enough, the first 32 are looked at", () => {
    const bad = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    expect(verify({ signature: `${bad} v1a,xyz ${SIGNATURE}` })).toEqual({ ok: true });
    expect(verify({ signature: `${`${bad} `.repeat(31)}${SIGNATURE}` })).toEqual({ ok: true });
    expect(verify({ signature: `${`${bad} `.repeat(32)}${SIGNATURE}` })).toEqual({
      ok: false,
      reason: "signature_mismatch",
    });
  });
});

describe("what is refused, and why", () => {
  test.each([[undefined], [""], ["x".repeat(65)], ["a b"], ["a.b"], ["ä"], ["a\n"]])("webhook-id %j", (id) => {
    expect(verify({ id })).toEqual({ ok: false, reason: "id_invalid" });
  });

  test.each([
    [undefined],
    [""],
    [`${TIMESTAMP}junk`],
    [`${TIMESTAMP} `],
    [`${TIMESTAMP}.0`],
    ["-1"],
    ["1e9"],
    ["9".repeat(13)],
  ])("webhook-timestamp %j", (timestamp) => {
    expect(verify({ timestamp })).toEqual({ ok: false, reason: "timestamp_invalid" });
  });

  test("a timestamp with junk behind it, also when the signature covers the junk", () => {
    const timestamp = `${TIMESTAMP}junk`;
    const signature = signWebhook(firstKey(), ID, timestamp as unknown as number, BODY);
    expect(verify({ timestamp, signature })).toEqual({ ok: false, reason: "timestamp_invalid" });
  });

  test.each([-300_000, 0, 300_000])("a clock that is off by %d ms is near enough", (offMs) => {
    expect(verify({}, BODY, { ...CLOCK, nowMs: CLOCK.nowMs + offMs })).toEqual({ ok: true });
  });

  test.each([-300_001, 300_001])("a clock that is off by %d ms is not", (offMs) => {
    const result = verify({}, BODY, { ...CLOCK, nowMs: CLOCK.nowMs + offMs });
    expect(result).toEqual({ ok: false, reason: "timestamp_out_of_tolerance" });
  });

  test.each([[undefined], [""]])("webhook-signature %j", (signature) => {
    expect(verify({ signature })).toEqual({ ok: false, reason: "signature_missing" });
  });

  test.each([
    [SIGNATURE.slice(3)],
    [SIGNATURE.replace("v1,", "v2,")],
    [SIGNATURE.replace("v1,", "V1,")],
    [SIGNATURE.slice(0, -1)],
    [`${SIGNATURE}=`],
    [SIGNATURE.replace("g0h", "g0i")],
    ["v1,"],
    [" "],
    ["ä".repeat(47)],
  ])("the signature %j", (signature) => {
    expect(verify({ signature })).toEqual({ ok: false, reason: "signature_mismatch" });
  });

  test("another id, time, body or secret than was signed", () => {
    const mismatch = { ok: false, reason: "signature_mismatch" };
    expect(verify({ id: "msg_other" })).toEqual(mismatch);
    expect(verify({ timestamp: String(TIMESTAMP + 1) })).toEqual(mismatch);
    expect(verify({}, Buffer.from('{"test": 2432232315}'))).toEqual(mismatch);
    expect(verify({}, Buffer.alloc(0))).toEqual(mismatch);
    expect(verify({}, BODY, CLOCK, OTHER_SECRET)).toEqual(mismatch);
  });
});

describe("the exact bytes", () => {
  // As text, both are "\ufffd": a verifier that decodes first takes one for the other.
  const left = Buffer.from([0x22, 0xff, 0x22]);
  const right = Buffer.from([0x22, 0xfe, 0x22]);

  test("a body that is not UTF-8 verifies", () => {
    const signature = signWebhook(firstKey(), ID, TIMESTAMP, left);
    expect(verify({ signature }, left)).toEqual({ ok: true });
  });

  test("two bodies that decode to the same text do not verify alike", () => {
    expect(left.toString("utf8")).toBe(right.toString("utf8"));
    const signature = signWebhook(firstKey(), ID, TIMESTAMP, left);
    expect(verify({ signature }, right)).toEqual({ ok: false, reason: "signature_mismatch" });
  });

  test("no body verifies with the signature of another", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (signed, sent) => {
        const signature = signWebhook(firstKey(), ID, TIMESTAMP, signed);
        expect(verify({ signature }, sent).ok).toBe(Buffer.from(signed).equals(Buffer.from(sent)));
      }),
    );
  });
});

describe("parseWebhookSecrets", () => {
  test("a whsec_ secret is the decoded key, anything else its UTF-8 bytes", () => {
    const result = parseWebhookSecrets(`${SECRET} sixteen-letters-ä`);
    const keys = [Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64"), Buffer.from("sixteen-letters-ä")];
    expect(result.ok && result.keys.map((key) => key.export())).toEqual(keys);
  });

  test("white space around and between does not matter", () => {
    const result = parseWebhookSecrets(`  ${SECRET} \t ${SECRET}  `);
    expect(result.ok && result.keys.length).toBe(2);
  });

  test.each([
    ["", "holds no secret"],
    ["   ", "holds no secret"],
    ["fifteen-letters", "must have at least 16 characters in each secret"],
    [`${SECRET} short`, "must have at least 16 characters in each secret"],
    ["whsec_not*base64*at*all", "has a whsec_ secret that is not base64"],
    ["whsec_AAAAAAAAAAA", "has a whsec_ secret that is not base64"],
    ["whsec_AAAA-AAA_AAA", "has a whsec_ secret that is not base64"],
  ])("%j: %s", (text, problem) => {
    expect(parseWebhookSecrets(text)).toEqual({ ok: false, problem });
  });

  test("a bad value that slipped through is a fault of ours, and is not told", () => {
    expect(() => webhookKeys("short")).toThrow(/^webhook secret must have at least 16 characters/);
  });
});
