import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

const MAX_BYTES = 8_500;

test(`in a page the client takes at most ${MAX_BYTES} bytes, and nothing but itself`, async () => {
  const { outputFiles, metafile } = await build({
    stdin: {
      contents: 'import { ChatClient } from "./index.ts"; globalThis.ChatClient = ChatClient;',
      resolveDir: fileURLToPath(new URL(".", import.meta.url)),
    },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    metafile: true,
  });
  const foreign = Object.keys(metafile.inputs).filter(
    (file) => file !== "<stdin>" && !/(^|\/)client\/src\/[^/]+$|^src\/|^[^/]+\.ts$/.test(file),
  );
  expect(foreign).toEqual([]);
  expect(gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length).toBeLessThanOrEqual(MAX_BYTES);
});
