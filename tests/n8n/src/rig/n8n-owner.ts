import { waitFor } from "@chat-relay/testkit/wait-for";

const EMAIL = "owner@example.com";
const PASSWORD = "Password-of-the-n8n-tests-1";

const PATIENCE_MS = 30_000;

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
    await this.#request("POST", "/owner/setup", {
      email: EMAIL,
      password: PASSWORD,
      firstName: "The",
      lastName: "Owner",
    });
  }

  /** Publishes a workflow, or takes it back. */
  async setActive(workflowId: string, active: boolean): Promise<void> {
    const path = `/workflows/${workflowId}`;
    if (!active) return void (await this.#asOwner("POST", `${path}/deactivate`, {}));
    const { versionId } = await this.#asOwner<{ versionId: string }>("GET", path);
    await this.#asOwner("POST", `${path}/activate`, { versionId });
  }

  /** Waits until a path of a Webhook node is served, or is no more. Never ask of a Chat Trigger: a GET starts it. */
  async untilActive(path: string, active = true): Promise<void> {
    await waitFor(`${path} to be ${active ? "active" : "inactive"}`, async () => {
      const response = await fetch(`${this.#url}/webhook/${path}`);
      return ACTIVE.test(await response.text()) === active;
    });
  }

  /** Waits until the workflow's executions stand so, the newest first. */
  async untilExecutions(workflowId: string, ...statuses: string[]): Promise<void> {
    const path = `/executions?filter=${encodeURIComponent(JSON.stringify({ workflowId }))}`;
    await waitFor(
      `executions to be ${statuses.join(", ")}`,
      async () => {
        const { results } = await this.#asOwner<{ results: { status: string }[] }>("GET", path);
        return results.map(({ status }) => status).join() === statuses.join();
      },
      PATIENCE_MS,
    );
  }

  async #asOwner<T>(method: string, path: string, body?: object): Promise<T> {
    const login = { emailOrLdapLoginId: EMAIL, password: PASSWORD };
    if (this.#cookie === "") await this.#request("POST", "/login", login);
    return this.#request<T>(method, path, body);
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
