import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { pollutionLine, readPollution } from "./pollution-line.ts";

const TELL_POLLUTION = pathToFileURL(join(import.meta.dirname, "tell-pollution.ts")).href;

/** What a process that has run the code writes when it is asked. */
function toldAfter(code: string): string {
  const askAndEnd = `
    process.on("SIGUSR2", () => process.exit());
    setInterval(() => undefined, 1_000); // a signal alone keeps nobody alive
    process.kill(process.pid, "SIGUSR2");`;
  const args = ["--import", TELL_POLLUTION, "--eval", code + askAndEnd];
  return spawnSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 }).stderr;
}

test("a process whose objects have got nothing says so", () => {
  expect(toldAfter("")).toContain(pollutionLine([]));
});

test("a process in which the prototype of all objects was polluted tells with what", () => {
  const merge = `({}).constructor.prototype.polluted = true; ({}).__proto__.content = "x";`;
  expect(readPollution(toldAfter(merge))).toEqual(["polluted", "content"]);
});

test("a log without the line tells nothing", () => {
  expect(readPollution('{"msg":"http.request"}\n')).toBeUndefined();
});
