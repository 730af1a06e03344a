/**
 * The programs of the system that tests start, all found in one way: what a test looks for is what it
 * starts.
 *
 * @module
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

/** Where servers are installed; the PATH of a user often lacks these folders. */
const SERVER_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Returns every program of one of these names, in the order of the PATH, as absolute paths. */
export function findPrograms(...names: readonly string[]): string[] {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const paths = names.flatMap((name) =>
    [...folders, ...SERVER_FOLDERS].map((folder) => join(folder, name))
  );
  return [...new Set(paths)].filter(isExecutable);
}

/** Returns the path of the first program of one of these names; undefined if there is none. */
export function findProgram(...names: readonly string[]): string | undefined {
  return findPrograms(...names)[0];
}

/** Returns whether a file is there and may be run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
