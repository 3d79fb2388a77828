/** What the run's tests share; made once by `global-setup.ts`. */
export interface N8nSetup {
  /** n8n's command line, for Node. */
  bin: string;
  version: string;
  /** Holds the homes of all n8n of the run. */
  folder: string;
  /** A home with credentials, an owner, and the workflows of `infra/n8n` active. Only ever copied. */
  template: string;
  /** Where the credential "OpenAI account" has its model. */
  modelPort: number;
}

/** A plain one: n8n's Crypto node takes its secret as text. */
export const SECRET = "plain-secret-of-the-n8n-tests";

declare module "vitest" {
  interface ProvidedContext {
    n8n: N8nSetup;
  }
}
