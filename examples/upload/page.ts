/**
 * Serves the page, and the list of the files.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import type { Store } from "./store.ts";

/** All that is served, and nothing else is: a path never becomes the name of a file. */
const parts: ReadonlyMap<string, [file: string, type: string]> = new Map([
  ["/", ["page.html", "text/html"]],
  ["/page.css", ["page.css", "text/css"]],
  ["/row.css", ["row.css", "text/css"]],
  ["/page.js", ["page.js", "text/javascript"]],
  ["/row.js", ["row.js", "text/javascript"]],
  ["/transfer.js", ["transfer.js", "text/javascript"]],
  ["/socket.js", ["socket.js", "text/javascript"]],
  ["/target.js", ["target.js", "text/javascript"]],
  ["/icon.svg", ["icon.svg", "image/svg+xml"]],
]);

/** Answers a request for a part of the page, or for the list. */
export async function servePage(request: Request, store: Store): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/files") return answer(JSON.stringify(await store.list()), "application/json");
  const found = parts.get(pathname);
  if (found === undefined) return new Response("There is nothing here\n", { status: 404 });
  const [file, type] = found;
  return answer(await readFile(new URL(`page/${file}`, import.meta.url), "utf8"), type);
}

function answer(body: string, type: string): Response {
  return new Response(body, {
    headers: {
      "content-type": `${type}; charset=utf-8`,
      "cache-control": "no-cache",
      // No script but our own: even a mistake in the page could not run what a file is named.
      "content-security-policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
    },
  });
}
