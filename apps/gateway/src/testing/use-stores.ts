import { afterAll, beforeAll } from "vitest";
import { createTestStores, type TestGateway, type TestStores } from "./test-gateway.ts";

/** The stores of a test file and a gateway on them, without rate limits. */
export function useStores(): { readonly stores: TestStores; readonly gateway: TestGateway } {
  let stores: TestStores | undefined;
  let gateway: TestGateway | undefined;
  beforeAll(async () => {
    stores = await createTestStores();
    gateway = await stores.gateway();
  });
  afterAll(() => stores?.[Symbol.asyncDispose]());
  return {
    get stores() {
      if (stores === undefined) throw new Error("not before the tests");
      return stores;
    },
    get gateway() {
      if (gateway === undefined) throw new Error("not before the tests");
      return gateway;
    },
  };
}
