import type { RateLimitState } from "@chat-relay/core/rate-limit-headers";

/** A callback whose signature was verified. */
export interface SignedCallback {
  /** The verified `webhook-id`. */
  callbackId: string;
  contentType: string | undefined;
  body: Buffer;
  traceparent: string | undefined;
  /** Told how the session's rate limit stands. */
  onLimit: (state: RateLimitState) => void;
}
