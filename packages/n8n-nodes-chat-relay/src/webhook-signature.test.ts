import {
  parseWebhookSecrets as parseAsTheProduct,
  signWebhook as signAsTheProduct,
} from "@chat-relay/core/webhook-signature";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseWebhookSecrets } from "./webhook-secrets.ts";
import { signWebhook, verifyWebhook, type SignatureHeaders } from "./webhook-signature.ts";

// The example that Standard Webhooks publishes.
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIMESTAMP = "1614265330";
const BODY = Buffer.from('{"test": 2432232314}');
const SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

const NOW_MS = Number(TIMESTAMP) * 1_000;
const PLAIN_SECRET = "another-secret-of-many-characters";
const VERIFIED = { ok: true, id: ID, timestamp: TIMESTAMP };
const MISMATCH = { ok: false, reason: "signature_mismatch" };

function keys(secrets: string): [Buffer, ...Buffer[]] {
  const parsed = parseWebhookSecrets(secrets);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.keys;
}

function verify(changes: Partial<SignatureHeaders> = {}, body = BODY, secrets = SECRET, nowMs = NOW_MS) {
  const headers = { id: ID, timestamp: TIMESTAMP, signature: SIGNATURE, ...changes };
  return verifyWebhook(keys(secrets), headers, body, nowMs);
}

describe("the published vector", () => {
  test("signs as published", () => {
    expect(signWebhook(keys(SECRET)[0], ID, TIMESTAMP, BODY)).toBe(SIGNATURE);
  });

  test("verifies as published", () => {
    expect(verify()).toEqual(VERIFIED);
  });
});

describe("chat-relay's own code", () => {
  const secret = fc.oneof(
    fc.stringMatching(/^[\x21-\x7e]{16,40}$/),
    fc.uint8Array({ minLength: 12 }).map((key) => `whsec_${Buffer.from(key).toString("base64")}`),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }),
  );

  test("reads the same secrets, and refuses the same", () => {
    fc.assert(
      fc.property(fc.array(secret, { maxLength: 3 }), (secrets) => {
        const [ours, theirs] = [parseWebhookSecrets(secrets.join(" ")), parseAsTheProduct(secrets.join(" "))];
        expect(ours.ok).toBe(theirs.ok);
        expect(ours.ok && ours.keys).toEqual(theirs.ok && theirs.keys.map((key) => key.export()));
      }),
    );
  });

  test("signs what we verify, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const body = Buffer.from(text, "utf8");
        const signature = signAsTheProduct(keys(PLAIN_SECRET)[0], ID, Number(TIMESTAMP), body);
        expect(verify({ signature }, body, PLAIN_SECRET)).toEqual(VERIFIED);
        expect(signWebhook(keys(PLAIN_SECRET)[0], ID, TIMESTAMP, body)).toBe(signature);
      }),
    );
  });
});

describe("secrets", () => {
  test("a whsec_ secret is the decoded key, anything else its UTF-8 bytes, a comma included", () => {
    const plain = "sixteen,letters,ä";
    const [first, second] = keys(`${SECRET} ${plain}`);
    expect(first).toEqual(Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64"));
    expect(second).toEqual(Buffer.from(plain, "utf8"));
  });

  test("of several, all verify and the first signs", () => {
    const both = `  ${PLAIN_SECRET}\n${SECRET} `;
    expect(keys(both)[0].toString()).toBe(PLAIN_SECRET);
    expect(verify({}, BODY, both)).toEqual(VERIFIED);
    expect(verify({}, BODY, `${SECRET} ${PLAIN_SECRET}`)).toEqual(VERIFIED);
    expect(verify({}, BODY, PLAIN_SECRET)).toEqual(MISMATCH);
  });

  test.each([
    ["", "is empty"],
    ["   ", "is empty"],
    ["fifteen-letters", "needs at least 16 characters in each secret"],
    [`${SECRET} short`, "needs at least 16 characters in each secret"],
    ["whsec_not*base64*at*all", "has a whsec_ secret that is not base64"],
  ])("%j: %s", (text, problem) => {
    expect(parseWebhookSecrets(text)).toEqual({ ok: false, problem });
  });
});

describe("what is refused", () => {
  const umlauts = Buffer.from('{"chatInput":"Grüße 👋"}', "utf8");
  const signature = signWebhook(keys(SECRET)[0], ID, TIMESTAMP, umlauts);

  test("a body of which one byte was changed", () => {
    expect(verify({ signature }, umlauts)).toEqual(VERIFIED);
    expect(verify({ signature }, Buffer.from('{"chatInput":"Gruße 👋"}', "utf8"))).toEqual(MISMATCH);
    expect(verify({ signature }, Buffer.alloc(0))).toEqual(MISMATCH);
  });

  test("bytes that decode to the same text as those that were signed", () => {
    const [left, right] = [Buffer.from([0x22, 0xff, 0x22]), Buffer.from([0x22, 0xfe, 0x22])];
    expect(left.toString("utf8")).toBe(right.toString("utf8"));
    const signed = signWebhook(keys(SECRET)[0], ID, TIMESTAMP, left);
    expect(verify({ signature: signed }, left)).toEqual(VERIFIED);
    expect(verify({ signature: signed }, right)).toEqual(MISMATCH);
  });

  test("the signature of another message, or of another time", () => {
    expect(verify({ id: "msg_other" })).toEqual(MISMATCH);
    expect(verify({ timestamp: String(Number(TIMESTAMP) + 1) })).toEqual(MISMATCH);
    expect(verify({ signature })).toEqual(MISMATCH);
  });

  test.each([-300_000, 300_000])("a clock that is off by %d ms is near enough", (offMs) => {
    expect(verify({}, BODY, SECRET, NOW_MS + offMs)).toEqual(VERIFIED);
  });

  test.each([-300_001, 300_001])("a clock that is off by %d ms is not", (offMs) => {
    expect(verify({}, BODY, SECRET, NOW_MS + offMs)).toEqual({ ok: false, reason: "timestamp_out_of_tolerance" });
  });

  test.each([[undefined], [""], ["x".repeat(65)], ["a.b"], ["a b"], ["ä"]])("webhook-id %j", (id) => {
    expect(verify({ id })).toEqual({ ok: false, reason: "id_invalid" });
  });

  test.each([[undefined], [""], [`${TIMESTAMP}x`], [`${TIMESTAMP}.0`], ["-1"], ["1e9"], ["9".repeat(13)]])(
    "webhook-timestamp %j",
    (timestamp) => {
      expect(verify({ timestamp })).toEqual({ ok: false, reason: "timestamp_invalid" });
    },
  );

  test.each([[undefined], [""]])("webhook-signature %j", (none) => {
    expect(verify({ signature: none })).toEqual({ ok: false, reason: "signature_missing" });
  });

  test.each([[SIGNATURE.slice(3)], [SIGNATURE.replace("v1", "v2")], [`${SIGNATURE}=`], ["v1,"], [" "]])(
    "the signature %j",
    (bad) => {
      expect(verify({ signature: bad })).toEqual(MISMATCH);
    },
  );

  test("a good signature behind 31 others is found, behind 32 it is not", () => {
    expect(verify({ signature: `${"v1,AAAA ".repeat(31)}${SIGNATURE}` })).toEqual(VERIFIED);
    expect(verify({ signature: `${"v1,AAAA ".repeat(32)}${SIGNATURE}` })).toEqual(MISMATCH);
  });
});
