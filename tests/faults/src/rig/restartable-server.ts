import type { LineLog, ServerProcess } from "@chat-relay/embedded/server-process";

/** A real server that can be killed, kept down and started again in its place. */
export class RestartableServer implements AsyncDisposable {
  readonly name: string;
  readonly url: string;
  kills = 0;
  #process: ServerProcess;
  #begin: (log: LineLog) => Promise<ServerProcess>;
  #lines: string[];

  private constructor(
    name: string,
    process: ServerProcess,
    begin: (log: LineLog) => Promise<ServerProcess>,
    lines: string[],
  ) {
    this.name = name;
    this.url = process.url;
    this.#process = process;
    this.#begin = begin;
    this.#lines = lines;
  }

  /** `begin` starts the server, each time on the same port and folder. */
  static async start(name: string, begin: (log: LineLog) => Promise<ServerProcess>): Promise<RestartableServer> {
    const lines: string[] = [];
    return new RestartableServer(name, await begin((line) => void lines.push(line)), begin, lines);
  }

  get pid(): number {
    return this.#process.pid;
  }

  output(): string {
    return this.#lines.join("\n");
  }

  /** Ends it without a word, and leaves it down. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.kills += 1;
    this.#process.kill(signal);
    await this.#process.exited;
  }

  async start(): Promise<void> {
    this.#process = await this.#begin((line) => void this.#lines.push(line));
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGCONT");
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
}
