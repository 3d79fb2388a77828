import type { KeyObject } from "node:crypto";
import { verifyWebhook, webhookKeys, type WebhookKey } from "@chat-relay/core/webhook-signature";
import type { FakeCall } from "@chat-relay/testkit/fake-n8n";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { postCallback } from "../rig/callback-client.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { meanwhile } from "../rig/meanwhile.ts";
import { TEXT_CANARY, WEBHOOK_SECRET } from "../rig/product-env.ts";
import { mustHold } from "../rig/violation.ts";
import type { World } from "../rig/world.ts";

/** What a change of the secret must hold, by the names that reports and controls use. */
export const ROTATION_INVARIANTS = {
  grace: "while two secrets are set, callbacks signed with either are taken, and none was ever refused",
  gone: "a secret that was taken away is worth nothing",
  signer: "dispatchers sign with the first secret",
  silent: "the new secret is in no log",
} as const;

const NEW_SECRET = "whsec_YSBzZWNyZXQgdGhhdCBjYW1lIGxhdGVyLCBhbHNvIGxvbmc=";
const OLD_KEY = webhookKeys(WEBHOOK_SECRET)[0] as WebhookKey;
const NEW_KEY = webhookKeys(NEW_SECRET)[0] as KeyObject;

/** Restarts all services with the secrets, one after another. */
async function roll(world: World, secrets: string): Promise<void> {
  for (const service of world.services) {
    await service.stop();
    service.configure({ CHAT_WEBHOOK_SECRET: secrets });
    await service.start();
  }
}

async function rollUnderLoad({ world, load }: Trial, secrets: string): Promise<void> {
  await meanwhile(roll(world, secrets), () => load.steady(10, 20));
}

/** What each receiver answers to a callback under the key. */
async function statusesFor({ world, load, random }: Trial, key: WebhookKey): Promise<number[]> {
  const { sessionId } = random.pick(load.visitors);
  const answers = world.receivers.map(async (receiver) => {
    const body = { sessionId, content: `by the way ${TEXT_CANARY}` };
    const { status } = await postCallback(receiver, { id: `key-${random.int(1e9)}`, body, key });
    if (status === 200) load.unasked.set(sessionId, (load.unasked.get(sessionId) ?? 0) + 1);
    return status;
  });
  return Promise.all(answers);
}

async function checkStatuses(trial: Trial, invariant: string, key: WebhookKey, wanted: number): Promise<void> {
  const statuses = await statusesFor(trial, key);
  mustHold(
    invariant,
    statuses.filter((status) => status !== wanted).map((status) => `${status} instead of ${wanted}`),
  );
}

function isSignedWith(key: WebhookKey, { headers, rawBody, receivedAtMs }: FakeCall): boolean {
  const text = (name: string) => String(headers[name]);
  const signed = { id: text("webhook-id"), timestamp: text("webhook-timestamp"), signature: text("webhook-signature") };
  return verifyWebhook([key], signed, rawBody, { nowMs: receivedAtMs, toleranceMs: 60_000 }).ok;
}

async function checkSigner({ load, calls }: Trial, key: WebhookKey): Promise<void> {
  const from = calls.length;
  await load.steady(10, 20);
  await waitFor("the calls", () => calls.length >= from + 10);
  const wrong = calls.slice(from).filter((call) => !isSignedWith(key, call));
  mustHold(
    ROTATION_INVARIANTS.signer,
    wrong.map(({ path }) => `${path} was signed with another key`),
  );
}

function checkNoneRefused({ bot }: Trial): void {
  const refused = bot.callbackAnswers.get(401) ?? 0;
  mustHold(ROTATION_INVARIANTS.grace, refused === 0 ? [] : [`${refused} valid callbacks were refused`]);
}

/** The secret is changed while everything runs. */
export const ROTATION_CASES: FaultCase[] = [
  {
    name: "a new secret, service by service under load: no valid callback fails, and the old one is worth nothing in the end",
    async run(trial) {
      const { world, load, bot, allow } = trial;
      allow({ secrets: `${NEW_SECRET} ${WEBHOOK_SECRET}` });
      await load.open(10);
      await checkStatuses(trial, ROTATION_INVARIANTS.gone, NEW_KEY, 401);
      await rollUnderLoad(trial, `${NEW_SECRET} ${WEBHOOK_SECRET}`);
      for (const key of [OLD_KEY, NEW_KEY]) await checkStatuses(trial, ROTATION_INVARIANTS.grace, key, 200);
      await checkSigner(trial, NEW_KEY);
      bot.key = NEW_KEY;
      await rollUnderLoad(trial, NEW_SECRET);
      checkNoneRefused(trial);
      await checkStatuses(trial, ROTATION_INVARIANTS.gone, OLD_KEY, 401);
      await checkStatuses(trial, ROTATION_INVARIANTS.grace, NEW_KEY, 200);
      await checkSigner(trial, NEW_KEY);
      const logs = [...world.logs()].filter(
        ([, log]) => log.includes(NEW_SECRET) || log.includes(NEW_KEY.export().toString()),
      );
      mustHold(
        ROTATION_INVARIANTS.silent,
        logs.map(([name]) => name),
      );
    },
  },
];
