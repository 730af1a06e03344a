/**
 * Serves the page.
 *
 * @module
 */
import { readFile } from "node:fs/promises";

/** All that is served, and nothing else is: a path never becomes the name of a file. */
const files: ReadonlyMap<string, [file: string, type: string]> = new Map([
  ["/", ["page.html", "text/html"]],
  ["/page.css", ["page.css", "text/css"]],
  ["/people.css", ["people.css", "text/css"]],
  ["/log.css", ["log.css", "text/css"]],
  ["/page.js", ["page.js", "text/javascript"]],
  ["/people.js", ["people.js", "text/javascript"]],
  ["/socket.js", ["socket.js", "text/javascript"]],
  ["/icon.svg", ["icon.svg", "image/svg+xml"]],
]);

/** Answers a request for a part of the page; every room has the same. */
export async function servePage(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const found = files.get(pathname.startsWith("/room/") ? "/" : pathname);
  if (found === undefined) return new Response("There is nothing here\n", { status: 404 });
  const [file, type] = found;
  const body = new Uint8Array(await readFile(new URL(`page/${file}`, import.meta.url)));
  return new Response(body, {
    headers: {
      "content-type": `${type}; charset=utf-8`,
      "cache-control": "no-cache",
      // No script but our own: even a mistake in the page could not run what somebody typed.
      "content-security-policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
    },
  });
}
