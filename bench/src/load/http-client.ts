import { HttpConnection, type HttpAnswer } from "./http-connection.ts";

export interface Post {
  path: string;
  token: string;
  body: string;
}

function getText({ path, token }: Omit<Post, "body">): string {
  return `GET ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${token}\r\n\r\n`;
}

function postText({ path, token, body }: Post): string {
  return `POST ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** Speaks over as many kept-alive connections as there are requests at once. */
export class HttpClient {
  #port: number;
  #free: HttpConnection[] = [];
  #all: HttpConnection[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  post(post: Post): Promise<HttpAnswer> {
    return this.#request(postText(post));
  }

  get(get: Omit<Post, "body">): Promise<HttpAnswer> {
    return this.#request(getText(get));
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  async #request(text: string): Promise<HttpAnswer> {
    const connection = this.#freeOne() ?? this.#open();
    const answer = await connection.request(text);
    this.#free.push(connection); // one that failed is not used again
    return answer;
  }

  #freeOne(): HttpConnection | undefined {
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop()) if (free.isOpen) return free;
    return undefined;
  }

  #open(): HttpConnection {
    const connection = new HttpConnection(this.#port);
    this.#all.push(connection);
    return connection;
  }
}
