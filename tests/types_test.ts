/** What an editor shows, and with which types of a runtime the library compiles. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("..", import.meta.url));
const { exports } = JSON.parse(readFileSync(`${root}deno.json`, "utf8")) as {
  exports: Record<string, string>;
};
/** The file that stands for a program of a user. */
const PROGRAM = `${root}tests/program_of_a_user.ts`;
/** Reading and checking everything takes seconds, on a busy machine many. */
const timeout = 300_000;

function pathOf(entry: string): string {
  return `./${exports[entry].replace("./", "../")}`.replace("./../", "../");
}

/** All entries, each used. */
const imports = [
  `import { connect, StreamedMessage, WebSocketConnection } from "${pathOf(".")}";`,
  `import { connect as connectInBrowser } from "${pathOf("./browser")}";`,
  `import { FrameDecoderStream } from "${pathOf("./codec")}";`,
  `import { ClientUpgrade, Protocol } from "${pathOf("./protocol")}";`,
  `import { listen } from "${pathOf("./server")}";`,
  `import { observe, Recorder, telemetry } from "${pathOf("./inspect")}";`,
  `import { pair, VirtualClock } from "${pathOf("./testing")}";`,
  `import { upgrade as upgradeDeno } from "${pathOf("./deno")}";`,
  `import { upgrade as upgradeBun, websocket } from "${pathOf("./bun")}";`,
  `import { upgrade as upgradeNode } from "${pathOf("./node")}";`,
].join("\n");

const program = `${imports}
export async function main(): Promise<void> {
  const server = await listen({
    port: 0,
    handshake: () => ({ headers: { "x-one": "1" }, data: 5 }),
    websocket: { message: (connection, data) => void connection.send(data) },
  });
  const connection: WebSocketConnection = await connect("ws://localhost/", {
    headers: { authorization: "Bearer" },
  });
  await connection.send(new Blob(["text"]), { type: "text" });
  for await (const message of connection) console.log(message);
  await server.shutdown();
}
export { ClientUpgrade, connectInBrowser, FrameDecoderStream, pair, Protocol, VirtualClock };
export { observe, Recorder, telemetry };
export { StreamedMessage, upgradeBun, upgradeDeno, upgradeNode, websocket };
`;

function optionsFor(types: string[], lib: string[]): ts.CompilerOptions {
  return {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: lib.map((name) => `lib.${name}.d.ts`),
    types,
    typeRoots: [`${root}node_modules/@types`],
    strict: true,
    skipLibCheck: false,
    allowImportingTsExtensions: true,
    noEmit: true,
  };
}

/** Returns a host that sees the program beside the files of the project. */
function hostFor(options: ts.CompilerOptions, text: string): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (name): boolean => name === PROGRAM || fileExists.call(host, name);
  host.readFile = (name): string | undefined => name === PROGRAM ? text : readFile.call(host, name);
  host.getSourceFile = (name, ...rest): ts.SourceFile | undefined =>
    name === PROGRAM
      ? ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true)
      : getSourceFile.call(host, name, ...rest);
  return host;
}

function problems(options: ts.CompilerOptions): string[] {
  const all = ts.getPreEmitDiagnostics(
    ts.createProgram([PROGRAM], options, hostFor(options, program)),
  );
  return all.map(({ file, messageText }) =>
    `${file?.fileName.replace(root, "")}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`
  );
}

describe("the types", { timeout }, () => {
  for (const runtime of ["node", "bun"]) {
    it(
      `compile under @types/${runtime}, without dom, and with libraries checked`,
      { timeout },
      () => {
        assert.deepEqual(problems(optionsFor([runtime], ["esnext"])), []);
      },
    );
  }

  it("compile under dom alone", { timeout }, () => {
    const lib = ["esnext", "dom", "dom.iterable", "dom.asynciterable"];
    assert.deepEqual(problems(optionsFor([], lib)), []);
  });
});

describe("what an editor shows for a call", { timeout }, () => {
  const calls = [
    "connect(",
    "listen(",
    "upgradeDeno(",
    "upgradeBun(",
    "upgradeNode(",
  ];
  for (const call of calls) {
    it(`${call} shows an overload with its documentation first`, { timeout }, () => {
      const text = `${imports}\n${call}`;
      const options = optionsFor([], ["esnext", "dom", "dom.iterable", "dom.asynciterable"]);
      const host = hostFor(options, text);
      const service = ts.createLanguageService({
        getCompilationSettings: () => options,
        getScriptFileNames: () => [PROGRAM],
        getScriptVersion: () => "1",
        getScriptSnapshot(name): ts.IScriptSnapshot | undefined {
          const content = host.readFile(name);
          return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content);
        },
        getCurrentDirectory: () => root,
        getDefaultLibFileName: (given) => ts.getDefaultLibFilePath(given),
        fileExists: host.fileExists,
        readFile: host.readFile,
      });
      const help = service.getSignatureHelpItems(PROGRAM, text.length, {})!;
      const shown = help.items[help.selectedItemIndex];
      const documentation = ts.displayPartsToString(shown.documentation);
      assert.ok(documentation.length > 50, `${call} shows ${JSON.stringify(documentation)}`);
      assert.ok(shown.tags.some(({ name }) => name === "throws"), `${call} shows no @throws`);
      assert.ok(shown.tags.some(({ name }) => name === "example"), `${call} shows no @example`);
    });
  }
});
