/**
 * What a page downloads: bundles by esbuild, minified, in bytes after gzip. Fails when one is larger than
 * it may be: `deno task size`.
 *
 * @module
 */
import process from "node:process";
import { gzipSync } from "node:zlib";
import { build, type BuildOptions, stop } from "esbuild";

interface Figure {
  name: string;
  /** The code that is bundled. */
  code: string;
  /** The most bytes after gzip. */
  most: number;
  /** Whether what is imported dynamically is a file of its own, and not counted. */
  splitting?: boolean;
}

const FIGURES: readonly Figure[] = [
  { name: "an error class of .", code: 'export { LimitError } from "./mod.ts"', most: 1_024 },
  {
    name: "FrameDecoderStream of ./codec",
    code: 'export { FrameDecoderStream } from "./lib/codec.ts"',
    most: 4_096,
  },
  {
    name: "connect of ./browser",
    code: 'export { connect } from "./lib/adapters/browser.ts"',
    most: 15_250,
  },
  {
    name: "connect and reconnecting of ./browser",
    code: 'export { connect, reconnecting } from "./lib/adapters/browser.ts"',
    most: 18_800,
  },
  {
    name: "connect of ., without what it loads later",
    code: 'export { connect } from "./mod.ts"',
    most: 44_200,
    splitting: true,
  },
];

const options: BuildOptions & { write: false; metafile: true } = {
  bundle: true,
  minify: true,
  format: "esm",
  outdir: "bundle",
  write: false,
  metafile: true,
};

/** Returns the size of the bundle with all files that it imports statically. */
async function sizeOf({ code, splitting = false }: Figure): Promise<number> {
  const stdin = { contents: code, resolveDir: process.cwd(), loader: "ts" } as const;
  const { outputFiles, metafile } = await build({ ...options, stdin, splitting });
  const sizes = new Map(
    outputFiles.map(({ path, contents }) => [
      path.slice(process.cwd().length + 1),
      gzipSync(contents, { level: 9 }).length,
    ]),
  );
  const counted = new Set<string>();
  const visit = (path: string): void => {
    if (counted.has(path)) return;
    counted.add(path);
    for (const { path: other, kind } of metafile.outputs[path].imports) {
      if (kind === "import-statement") visit(other);
    }
  };
  visit("bundle/stdin.js");
  return [...counted].reduce((sum, path) => sum + sizes.get(path)!, 0);
}

for (const figure of FIGURES) {
  const size = await sizeOf(figure);
  console.log(
    `${figure.name}: ${size.toLocaleString("en-US")} bytes, ${
      figure.most.toLocaleString("en-US")
    } at most`,
  );
  if (size > figure.most) process.exitCode = 1;
}
await stop();
