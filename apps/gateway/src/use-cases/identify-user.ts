import type { ChatConfig } from "@chat-relay/core/config";
import { requestSchemas } from "@chat-relay/core/api-schemas";
import { ChatError } from "@chat-relay/core/errors";
import { fieldsError } from "@chat-relay/core/validation";
import { jwtVerify } from "jose";

export interface Identity {
  userId: string | null;
  /** Whether the host site vouches for the user. */
  authenticated: boolean;
}

export interface ClaimedIdentity {
  userId?: string | undefined;
  userToken?: string | undefined;
}

/** One refusal for every fault of a token: which one it was helps nobody but a forger. */
function refuse(): never {
  throw new ChatError("unauthorized", "The userToken is not valid");
}

async function verifiedSubject(token: string, secret: string): Promise<unknown> {
  try {
    const key = new TextEncoder().encode(secret);
    const { payload } = await jwtVerify(token, key, { algorithms: ["HS256"], requiredClaims: ["exp", "sub"] });
    return payload.sub;
  } catch {
    return refuse();
  }
}

/** Who a new session is for: a user whom the host site vouches for, a label that nobody proved, or a guest. */
export async function identifyUser(claimed: ClaimedIdentity, config: ChatConfig): Promise<Identity> {
  const { userId, userToken } = claimed;
  const { identitySecret } = config;
  if (userToken === undefined) {
    if (userId !== undefined && identitySecret !== undefined)
      throw new ChatError("unauthorized", "A userId needs a userToken that proves it");
    return { userId: userId ?? null, authenticated: false };
  }
  if (identitySecret === undefined) return refuse();
  const subject = await verifiedSubject(userToken, identitySecret);
  const proven = requestSchemas(config).createSession.shape.userId.safeParse(subject);
  if (!proven.success || proven.data === undefined) return refuse();
  if (userId !== undefined && userId !== proven.data) {
    throw fieldsError([{ pointer: "#/userId", detail: "is not the user of the userToken" }]);
  }
  return { userId: proven.data, authenticated: true };
}
