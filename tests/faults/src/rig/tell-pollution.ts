// Preloaded into every service (`node --import`): on SIGUSR2 it writes to the log which properties every object has got since
// the start. A body that pollutes the prototype of all objects shows in no answer, or in one that is never looked at.
import { writeSync } from "node:fs";
import { pollutionLine } from "./pollution-line.ts";

const atStart = new Set(Reflect.ownKeys(Object.prototype));

process.on("SIGUSR2", () => {
  const since = Reflect.ownKeys(Object.prototype).filter((key) => !atStart.has(key));
  writeSync(2, pollutionLine(since.map(String)));
});
