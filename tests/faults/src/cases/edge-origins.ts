import { SEND_PATH, SESSION_PATH } from "../rig/edge-client.ts";
import { CALLBACK_PATH } from "../rig/callback-client.ts";
import type { FaultCase } from "../rig/fault-case.ts";
import { rawRequest, type RawAnswer } from "../rig/raw-http.ts";
import { mustHold } from "../rig/violation.ts";

/** Which pages may call, by the names that reports and controls use. */
export const ORIGIN_INVARIANTS = {
  denied: "a page of an origin that is not named gets no leave, however much it looks like one that is",
  allowed: "a page of a named origin gets leave, for itself alone and without credentials",
} as const;

/** The one that is named; see `edge.test.ts`. */
export const ORIGIN = "https://shop.example";

const OTHERS = [
  "https://evil.test",
  "null",
  "https://shop.example.evil.test",
  "https://evilshop.example",
  "https://shop.example@evil.test",
  "https://www.shop.example",
  "http://shop.example",
  "https://shop.example:8443",
  "https://shop.example:443",
  "https://SHOP.EXAMPLE",
  "https://shop.example.",
  "https://shop.example/",
  "https://shop.example https://evil.test",
  "https://shop-example",
  "https://shop\u00e9xample",
  "*",
  "file://",
  "chrome-extension://shop.example",
];

function corsHeaders({ headers }: RawAnswer): string[] {
  return [...headers.keys()].filter((name) => name.startsWith("access-control-"));
}

const preflight = (path: string, origin: string | readonly string[]) => ({
  method: "OPTIONS",
  path,
  headers: {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
    "access-control-request-private-network": "true",
  },
});

/** Pages of other sites. */
export const ORIGIN_CASES: FaultCase[] = [
  {
    name: "pages of other origins, look-alikes among them, get no leave to call",
    async run({ world, load }) {
      const gateway = world.gateways[0]?.url ?? "";
      const receiver = world.receivers[0]?.url ?? "";
      const problems: string[] = [];
      const denied = (what: string, answer: RawAnswer) => {
        if (corsHeaders(answer).length > 0) problems.push(`${what}: ${corsHeaders(answer).join(", ")}`);
      };
      for (const origin of OTHERS) {
        for (const path of [SESSION_PATH, SEND_PATH, "/api/chat/admin/queue"])
          denied(`preflight of ${origin}`, await rawRequest(gateway, preflight(path, origin)));
        denied(origin, await rawRequest(gateway, { method: "GET", path: SESSION_PATH, headers: { origin } }));
      }
      denied("two origins", await rawRequest(gateway, preflight(SESSION_PATH, [ORIGIN, "https://evil.test"])));
      denied(
        "the operator's API",
        await rawRequest(gateway, { method: "GET", path: "/api/chat/admin/queue", headers: { origin: ORIGIN } }),
      );
      denied("the receiver", await rawRequest(receiver, preflight(CALLBACK_PATH, ORIGIN)));
      mustHold(ORIGIN_INVARIANTS.denied, problems);
      const { status, headers } = await rawRequest(gateway, preflight(SEND_PATH, ORIGIN));
      const right =
        status === 204 &&
        headers.get("access-control-allow-origin") === ORIGIN &&
        !headers.has("access-control-allow-credentials");
      mustHold(ORIGIN_INVARIANTS.allowed, right ? [] : [`${status} ${JSON.stringify([...headers])}`]);
      await load.open(1);
    },
  },
];
