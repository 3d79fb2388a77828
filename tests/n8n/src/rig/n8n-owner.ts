import { waitFor } from "@chat-relay/testkit/wait-for";
import type { Credential } from "./n8n-home.ts";

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
    const read = async () => (await this.#executions(workflowId)).map(({ status }) => status).join();
    await waitFor(
      `executions to be ${statuses.join(", ")}`,
      async () => (await read()) === statuses.join(),
      PATIENCE_MS,
    );
  }

  /** Runs the workflow's newest execution again, one that failed; n8n answers when that has ended. */
  async retryNewestExecution(workflowId: string): Promise<void> {
    const [newest] = await this.#executions(workflowId);
    await this.#asOwner("POST", `/executions/${newest?.id}/retry`, { loadWorkflow: false });
  }

  /** Puts other data into a credential that n8n has. */
  async changeCredential({ id, ...credential }: Credential): Promise<void> {
    await this.#asOwner("PATCH", `/credentials/${id}`, credential);
  }

  /** What the editor shows of a credential that n8n has when these data are put into it. */
  async testCredential(credentials: Credential): Promise<{ status: "OK" | "Error"; message: string }> {
    return this.#asOwner("POST", "/credentials/test", { credentials });
  }

  async #executions(workflowId: string): Promise<{ id: string; status: string }[]> {
    const path = `/executions?filter=${encodeURIComponent(JSON.stringify({ workflowId }))}`;
    return (await this.#asOwner<{ results: { id: string; status: string }[] }>("GET", path)).results;
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
