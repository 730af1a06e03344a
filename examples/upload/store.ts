/**
 * The directory in which the files are.
 *
 * @module
 */
import { type FileHandle, lstat, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";

/** A file as the list shows it. */
export interface Listed {
  name: string;
  size: number;
  /** When it was complete, in milliseconds since 1970. */
  modified: number;
}

/** File systems take names of 255 bytes; some of them are left for the number of a second one. */
const MAX_NAME = 240;
/** What follows the last dot, and is longer than this with it, is no extension. */
const MAX_EXTENSION = 16;

/**
 * The name under which a file may be stored: it names no other folder, nothing hidden, nothing that a
 * system reads as something else. Undefined if nothing is left of it.
 */
export function safeName(name: string): string | undefined {
  const last = name.normalize("NFC").split(/[/\\]/).pop() ?? "";
  // Control characters, halves of characters, changes of direction go.
  let safe = trim(last.replace(/\p{C}/gu, "").replace(/[<>:"|?*]/g, "_"));
  if (/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(safe)) safe = `_${safe}`; // devices on Windows
  const { base, extension } = split(safe);
  const characters = [...base];
  const room = MAX_NAME - utf8Length(extension);
  for (let size = utf8Length(base); size > room;) size -= utf8Length(characters.pop()!);
  safe = trim(characters.join("") + extension);
  return safe === "" ? undefined : safe;
}

/** Files in one directory. */
export class Store {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The files that are complete, the newest first. */
  async list(): Promise<Listed[]> {
    const list: Listed[] = [];
    for (const name of await readdir(this.#directory)) {
      const found = safeName(name) === name && await this.#find(name);
      if (found) list.push(found);
    }
    return list.sort((a, b) => b.modified - a.modified);
  }

  /** Opens a file to read it; undefined if no file has that name. */
  async open(name: string): Promise<FileHandle | undefined> {
    // A name of another spelling could only be an attempt to get something that is not listed.
    if (safeName(name) !== name || await this.#find(name) === undefined) return undefined;
    return await open(join(this.#directory, name), "r");
  }

  /** Opens a new file to write it. It has no name, and goes when it is disposed of, unless `keep`. */
  async create(): Promise<NewFile> {
    const path = join(this.#directory, `.part-${crypto.randomUUID()}`);
    return new NewFile(this.#directory, path, await open(path, "wx"));
  }

  async #find(name: string): Promise<Listed | undefined> {
    try {
      const stat = await lstat(join(this.#directory, name));
      // No directories, and no links: they could lead out of here.
      return stat.isFile() ? { name, size: stat.size, modified: stat.mtimeMs } : undefined;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }
}

/** A file that is not complete. `await using` removes it, unless it was kept. */
export class NewFile implements AsyncDisposable {
  readonly file: FileHandle;
  readonly #directory: string;
  readonly #path: string;
  #kept = false;

  constructor(directory: string, path: string, file: FileHandle) {
    this.#directory = directory;
    this.#path = path;
    this.file = file;
  }

  /** It is complete: gives it that name, or if there is such a file, the next that is free. */
  async keep(name: string): Promise<string> {
    await this.file.datasync(); // what is told to be stored is
    await this.file.close();
    const free = await this.#takeName(name);
    await rename(this.#path, join(this.#directory, free));
    this.#kept = true;
    return free;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#kept) return;
    await this.file.close().catch(() => {});
    await unlink(this.#path);
  }

  /** Takes a name with an empty file, so that nobody else gets the same. */
  async #takeName(name: string): Promise<string> {
    const { base, extension } = split(name);
    for (let n = 1;; n++) {
      const free = n === 1 ? name : `${base} (${n})${extension}`;
      try {
        await (await open(join(this.#directory, free), "wx")).close();
        return free;
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
    }
  }
}

/** The code of an error of the file system. */
export function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}

function split(name: string): { base: string; extension: string } {
  const dot = name.lastIndexOf(".");
  const at = dot > 0 && name.length - dot <= MAX_EXTENSION ? dot : name.length;
  return { base: name.slice(0, at), extension: name.slice(at) };
}

function trim(name: string): string {
  const isEdge = (at: number): boolean => name[at] === "." || name[at].trim() === "";
  let from = 0, to = name.length;
  while (from < to && isEdge(from)) from++;
  while (from < to && isEdge(to - 1)) to--;
  return name.slice(from, to);
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
