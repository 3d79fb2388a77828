import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleWidget, type BundledFile } from "./bundle-widget.ts";

let folder = "";
let files: BundledFile[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "chat-relay-widget-"));
  files = await bundleWidget(folder);
});

afterAll(() => rm(folder, { recursive: true }));

test("the script tag brings one file, which fetches the renderer when a reply needs it", () => {
  expect(files.filter(({ isInitial }) => isInitial).map(({ name }) => name)).toEqual(["widget.js"]);
  expect(files.map(({ name }) => name).toSorted()).toEqual(["markdown-text.js", "widget.js"]);
});

test("each file lies there in its compressed forms, too", async () => {
  expect((await readdir(folder)).length).toBe(files.length * 3);
  for (const { name } of files) {
    const plain = await readFile(join(folder, name));
    expect(gunzipSync(await readFile(join(folder, `${name}.gz`))).equals(plain)).toBe(true);
    expect(brotliDecompressSync(await readFile(join(folder, `${name}.br`))).equals(plain)).toBe(true);
  }
});

test("the first load is at most 30 KB", () => {
  const initial = files.filter(({ isInitial }) => isInitial).reduce((sum, { gzipBytes }) => sum + gzipBytes, 0);
  expect(initial).toBeGreaterThan(5_000);
  expect(initial).toBeLessThanOrEqual(30_000);
});

test("nothing in it needs more of a Content-Security-Policy than its own origin", async () => {
  for (const { name } of files) {
    const code = await readFile(join(folder, name), "utf8");
    expect(code).not.toMatch(/\beval\(|new Function\b|createElement\("style"\)|\.insertAdjacentHTML/);
  }
  expect(await readFile(join(folder, "widget.js"), "utf8")).not.toMatch(/innerHTML|setAttribute\("style"/);
});
