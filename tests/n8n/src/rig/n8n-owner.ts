import { waitFor } from "@chat-relay/testkit/wait-for";

const EMAIL = "owner@example.com";
const PASSWORD = "Password-of-the-n8n-tests-1";

/** Says that a path is taken, though not for GET: the workflow is active. */
const ACTIVE = /Did you mean to make a POST request/;

/** Uses the API behind n8n's editor, the only way to publish a workflow while n8n runs. */
export class N8nOwner {
  #url: string;
  #cookie = "";

  constructor(url: string) {
    this.#url = url;
  }

  /** Makes the owner's account, on a home that has none. */
  async setUp(): Promise<void> {
    await this.#post("/owner/setup", { email: EMAIL, password: PASSWORD, firstName: "The", lastName: "Owner" });
  }

  /** Publishes a workflow, or takes it back. */
  async setActive(workflowId: string, active: boolean): Promise<void> {
    if (this.#cookie === "") await this.#post("/login", { emailOrLdapLoginId: EMAIL, password: PASSWORD });
    if (!active) return void (await this.#post(`/workflows/${workflowId}/deactivate`, {}));
    const { versionId } = await this.#request<{ versionId: string }>("GET", `/workflows/${workflowId}`);
    await this.#post(`/workflows/${workflowId}/activate`, { versionId });
  }

  /** Waits until a path of a Webhook node is served. Never ask this of a Chat Trigger: a GET starts it. */
  async untilActive(path: string): Promise<void> {
    await waitFor(`${path} to be active`, async () => {
      const response = await fetch(`${this.#url}/webhook/${path}`);
      return ACTIVE.test(await response.text());
    });
  }

  #post(path: string, body: object): Promise<unknown> {
    return this.#request("POST", path, body);
  }

  async #request<T>(method: string, path: string, body?: object): Promise<T> {
    const headers = { "content-type": "application/json", "browser-id": "chat-relay-tests", cookie: this.#cookie };
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    const response = await fetch(`${this.#url}/rest${path}`, init);
    if (!response.ok) throw new Error(`n8n's ${path}: ${response.status} ${await response.text()}`);
    const [cookie = ""] = response.headers.getSetCookie();
    if (cookie !== "") this.#cookie = cookie.split(";")[0] ?? "";
    return ((await response.json()) as { data: T }).data;
  }
}
