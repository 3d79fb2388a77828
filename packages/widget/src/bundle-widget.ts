import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build, type Metafile, type Plugin } from "esbuild";

/** The page's first load: what the script tag brings, with all that it imports. */
const ENTRY = "widget.js";

export interface BundledFile {
  readonly name: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** Whether it is loaded with the page, or only when it is needed. */
  readonly isInitial: boolean;
}

/** Bundles the widget into a folder: `widget.js` and what that imports later, each with its compressed forms beside it. */
export async function bundleWidget(outdir: string): Promise<BundledFile[]> {
  const { metafile } = await build({
    entryPoints: {
      widget: join(import.meta.dirname, "widget.ts"),
      "markdown-text": join(import.meta.dirname, "markdown/markdown-text.ts"),
    },
    outdir,
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["chat-relay-source"],
    minify: true,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    plugins: [cssText],
  });
  const initial = initialFiles(metafile);
  const names = Object.keys(metafile.outputs).map((path) => basename(path));
  const files = await Promise.all(names.map((name) => compress(outdir, name)));
  return files.map((file) => ({ ...file, isInitial: initial.has(file.name) }));
}

/** A style sheet becomes a text, with its imports and without its white space. */
const cssText: Plugin = {
  name: "css-text",
  setup(bundler) {
    bundler.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { outputFiles } = await build({ entryPoints: [path], bundle: true, minify: true, write: false });
      return { contents: outputFiles[0]?.text ?? "", loader: "text" };
    });
  },
};

function initialFiles({ outputs }: Metafile): Set<string> {
  const names = new Set<string>();
  const queue = Object.keys(outputs).filter((path) => basename(path) === ENTRY);
  for (const path of queue) {
    names.add(basename(path));
    const imports = outputs[path]?.imports ?? [];
    queue.push(...imports.filter(({ kind }) => kind === "import-statement").map((imported) => imported.path));
  }
  return names;
}

/** Compresses a file once and for all: the gateway sends what lies beside it. */
async function compress(folder: string, name: string): Promise<Omit<BundledFile, "isInitial">> {
  const file = join(folder, name);
  const content = await readFile(file);
  const gzip = gzipSync(content, { level: 9 });
  await Promise.all([writeFile(`${file}.gz`, gzip), writeFile(`${file}.br`, brotliCompressSync(content))]);
  return { name, bytes: content.length, gzipBytes: gzip.length };
}
