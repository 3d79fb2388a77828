// `npm run build`: makes dist/ anew and says how large it is. Fails when the first load of a page has grown too large.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { bundleWidget, type BundledFile } from "./bundle-widget.ts";

const INITIAL_MAX_BYTES = 30_000;

const folder = join(import.meta.dirname, "../dist");
const files = await bundleWidget(folder);
// Afterwards, since a gateway may be serving what lies there.
for (const name of await readdir(folder)) {
  if (!files.some((file) => name.startsWith(file.name))) await rm(join(folder, name));
}
for (const file of files) process.stdout.write(`${lineOf(file)}\n`);
const initialBytes = files.filter(({ isInitial }) => isInitial).reduce((sum, { gzipBytes }) => sum + gzipBytes, 0);
process.stdout.write(`initial load: ${initialBytes} bytes gzip, of at most ${INITIAL_MAX_BYTES}\n`);
if (initialBytes > INITIAL_MAX_BYTES) throw new Error("the widget's initial load has grown too large");

function lineOf({ name, bytes, gzipBytes, isInitial }: BundledFile): string {
  return `${name}: ${bytes} bytes, ${gzipBytes} gzip, ${isInitial ? "initial" : "when the first reply is shown"}`;
}
