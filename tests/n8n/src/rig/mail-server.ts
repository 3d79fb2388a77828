import { createServer, type AddressInfo, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** Takes every letter that it is given. */
export interface MailServer extends AsyncDisposable {
  port: number;
  /** As they were sent, headers and all. */
  letters: string[];
}

/** As much of SMTP as sending a letter needs. */
async function take(socket: Socket, letters: string[]): Promise<void> {
  const say = (text: string) => socket.write(`${text}\r\n`);
  let letter: string[] | undefined;
  say("220 here");
  for await (const line of createInterface({ input: socket })) {
    if (letter !== undefined && line !== ".") {
      letter.push(line.replace(/^\./, ""));
    } else if (letter !== undefined) {
      letters.push(letter.join("\r\n"));
      letter = undefined;
      say("250 taken");
    } else if (/^DATA/i.test(line)) {
      letter = [];
      say("354 go on");
    } else {
      say(/^QUIT/i.test(line) ? "221 bye" : "250 well");
    }
  }
}

/** Starts a mail server on a free port. */
export async function startMailServer(): Promise<MailServer> {
  const letters: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined); // n8n went away
    void take(socket, letters);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    letters,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The text of a letter in quoted-printable. */
export function readLetter(letter: string): string {
  const bytes = letter
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString();
}
