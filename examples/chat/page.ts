/**
 * Serves the page, whose script is bundled with the library when the server starts.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, stop } from "esbuild";

/** All that is served, and nothing else is: a path never becomes the name of a file. */
const files: ReadonlyMap<string, [file: string, type: string]> = new Map([
  ["/", ["page.html", "text/html"]],
  ["/page.css", ["page.css", "text/css"]],
  ["/people.css", ["people.css", "text/css"]],
  ["/log.css", ["log.css", "text/css"]],
  ["/icon.svg", ["icon.svg", "image/svg+xml"]],
]);

/** Bundles the page's script with all that it imports. */
export async function bundlePage(): Promise<Uint8Array<ArrayBuffer>> {
  const { outputFiles: [script] } = await build({
    entryPoints: [fileURLToPath(new URL("page/page.js", import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
  });
  await stop();
  return script.contents as Uint8Array<ArrayBuffer>;
}

/** Answers a request for a part of the page; every room has the same. */
export async function servePage(
  request: Request,
  script: Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/page.js") return answer(script, "text/javascript");
  const found = files.get(pathname.startsWith("/room/") ? "/" : pathname);
  if (found === undefined) return new Response("There is nothing here\n", { status: 404 });
  const [file, type] = found;
  return answer(new Uint8Array(await readFile(new URL(`page/${file}`, import.meta.url))), type);
}

function answer(body: Uint8Array<ArrayBuffer>, type: string): Response {
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
