/** The shape of the library: which module may import which, and what may stand where. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The layers, left to right: a module imports only from its own or from the left. */
const layers = [
  ["options", "limits", "thrown", "errors", "call_site"],
  ["frame"],
  ["message"],
  ["codec"],
  ["deflate"],
  ["handshake"],
  ["protocol"],
  ["link"],
  ["connection"],
  ["transport"],
  ["testing"],
  ["server", "client"],
  ["inspect"],
  ["adapters"],
];

/** The only modules that may know one runtime by name. */
const runtimeModules =
  /^lib\/(transport\/((deno|bun|node)(_api)?|runtime|platform)|adapters\/.*)\.ts$/;

/** Returns the runtime whose adapter a module belongs to. */
function adapterOf(path: string): string | undefined {
  return path.match(/^lib\/adapters\/(\w+)/)?.[1];
}

function modules(folder: string): string[] {
  return readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return modules(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}

const published = ["mod.ts", ...modules("lib")];
const sources = new Map(published.map((path) => [path, readFileSync(root + path, "utf8")]));

/** The code alone: no comments, so that an example in a docstring counts for nothing. */
function codeOf(path: string): string {
  return sources.get(path)!.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

function importsOf(path: string): string[] {
  const from = [
    ...codeOf(path).matchAll(/(?:^|\n)\s*(?:import|export)\b[^;]*?\bfrom\s*"([^"]+)"/g),
  ];
  const bare = [...codeOf(path).matchAll(/(?:^|\n)\s*import\s*"([^"]+)"|\bimport\("([^"]+)"\)/g)];
  return [...from, ...bare].map((match) => match[1] ?? match[2]);
}

function resolve(path: string, specifier: string): string {
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

function layerOf(path: string): number {
  const name = path.match(/^lib\/(\w+)/)?.[1];
  const layer = layers.findIndex((names) => names.includes(name ?? ""));
  assert.notEqual(layer, -1, `${path} stands in no layer`);
  return layer;
}

describe("the shape of the library", () => {
  it("finds the modules", () => {
    assert.ok(published.length > 40, `${published.length} modules`);
    assert.ok(published.flatMap(importsOf).length > 100);
  });

  it("imports only by relative path, with the file's ending", () => {
    for (const path of published) {
      for (const specifier of importsOf(path)) {
        assert.match(specifier, /^\.\.?\/.*\.ts$/, `${path} imports ${specifier}`);
        assert.ok(sources.has(resolve(path, specifier)), `${path} imports ${specifier}`);
      }
    }
  });

  it("imports in one direction", () => {
    for (const path of published) {
      if (path === "mod.ts") continue;
      for (const specifier of importsOf(path)) {
        const target = resolve(path, specifier);
        assert.ok(layerOf(target) <= layerOf(path), `${path} imports ${target}, to its right`);
        const [own, other] = [path, target].map((each) => each.match(/^lib\/(\w+)\//)?.[1]);
        const sides = layers.find((names) => names.includes("server"))!;
        assert.ok(
          own === other || !(sides.includes(own ?? "") && sides.includes(other ?? "")),
          `${path} imports ${target}, beside it`,
        );
      }
    }
  });

  it("has adapters of which none imports another", () => {
    const adapters = published.filter((path) => adapterOf(path) !== undefined);
    assert.deepEqual([...new Set(adapters.map(adapterOf))].sort(), [
      "browser",
      "bun",
      "deno",
      "node",
    ]);
    for (const path of adapters) {
      for (const specifier of importsOf(path)) {
        const target = resolve(path, specifier);
        const other = adapterOf(target);
        assert.ok(other === undefined || other === adapterOf(path), `${path} imports ${target}`);
      }
    }
  });

  it("has no circle of files, not even by types", () => {
    const done = new Set<string>();
    function walk(path: string, trail: readonly string[]): void {
      assert.ok(!trail.includes(path), [...trail, path].join(" -> "));
      if (done.has(path)) return;
      for (const specifier of importsOf(path)) walk(resolve(path, specifier), [...trail, path]);
      done.add(path);
    }
    for (const path of published) walk(path, []);
  });

  it("awaits nothing when it is loaded", () => {
    // Formatted code indents what stands in a function or class.
    for (const path of published) assert.doesNotMatch(codeOf(path), /^(\S.*)?\bawait\b/m, path);
  });

  it("names no runtime in neutral code", () => {
    for (const path of published) {
      if (runtimeModules.test(path)) continue;
      const found = codeOf(path).match(/\b(Deno|Bun|process|Buffer|require|__dirname)\b[^:'"\s]/);
      assert.equal(found, null, `${path} has ${found?.[0]}`);
    }
  });

  it("has no import of node's built-ins and no computed import", () => {
    for (const path of published) {
      assert.doesNotMatch(codeOf(path), /from\s*"node:|import\s*\(\s*(?!"\.)/, path);
    }
  });

  it("has neither any, nor enum, nor default export, nor Math.random", () => {
    for (const path of published) {
      assert.doesNotMatch(codeOf(path), /\bas any\b|: any\b|<any>|\benum \w+|export default/, path);
      assert.doesNotMatch(codeOf(path), /Math\.random/, path);
    }
  });
});
