import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { safeName } from "../../examples/upload/store.ts";
import { PIECE, WINDOW } from "../../examples/upload/words.ts";
import type { WebSocketConnection } from "../../mod.ts";
import { digestOf, digestOfBlocks, makeBlock, UploadServer } from "./upload_support.ts";
import { until } from "../support/until.ts";

const options = { timeout: 60_000 };
const MIB = 1 << 20;

function say(connection: WebSocketConnection, word: object): void {
  connection.send(JSON.stringify(word));
}

async function hear(connection: WebSocketConnection): Promise<Record<string, unknown>> {
  return JSON.parse(String(await connection.receive()));
}

describe("the name of an upload", () => {
  for (
    const [name, safe] of [
      ["report.pdf", "report.pdf"],
      ["Überblick (2).txt", "Überblick (2).txt"],
      ["../../etc/passwd", "passwd"],
      ["C:\\Users\\ada\\note.txt", "note.txt"],
      [".bashrc", "bashrc"],
      [".part-1", "part-1"],
      ["a\0b\n\u202ecod.exe", "abcod.exe"],
      ["a<b>:c?.txt", "a_b__c_.txt"],
      ["con.txt", "_con.txt"],
      [" name . ", "name"],
      [`${"ä".repeat(200)}.tar`, `${"ä".repeat(118)}.tar`],
      ["..", undefined],
      ["folder/", undefined],
      ["", undefined],
    ] as const
  ) {
    const shown = name.length > 40 ? `${name.slice(0, 10)}…` : name;
    it(`${JSON.stringify(shown)} becomes ${safe === undefined ? "none" : "a safe one"}`, () => {
      assert.equal(safeName(name), safe);
    });
  }

  it("leads nowhere else, fits a file system, and stays as it is the second time", () => {
    const text = fc.string({ unit: "binary", maxLength: 300 });
    const dotted = fc.array(fc.oneof(fc.constantFrom(".", "/", "\\", " ", "con"), text), {
      maxLength: 8,
    }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(text, dotted), (name) => {
        const safe = safeName(name);
        if (safe === undefined) return;
        assert.doesNotMatch(safe, /[/\\\p{C}]|^\.|^$|[.\s]$/u);
        assert.ok(new TextEncoder().encode(safe).length <= 240);
        assert.equal(safeName(safe), safe);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the command line client of the upload", () => {
  it("puts a file as one message, and gets it as one", options, async () => {
    await using server = await UploadServer.start();
    await mkdir(server.scratch);
    const path = join(server.scratch, "big.bin");
    await writeFile(path, Array.from({ length: 24 }, (_, i) => makeBlock(i)));
    const put = await server.client("put", path);
    assert.deepEqual(put, { code: 0, output: put.output });
    assert.match(put.output, /^24\.0 of 24\.0 MiB, [\d.]+ MiB\/s\nIt is there as big\.bin\n$/);
    assert.deepEqual(await server.names(), ["big.bin"]);
    assert.equal(await digestOf(join(server.files, "big.bin")), digestOfBlocks(24));
    const copy = join(server.scratch, "copy.bin");
    const got = await server.client("get", "big.bin", copy);
    assert.equal(got.code, 0, got.output);
    assert.equal(await digestOf(copy), digestOfBlocks(24));
    assert.match((await server.client("list")).output, /^\s+25165824\s+big\.bin\n$/);
  });

  it("says what the server says, and leaves nothing behind", options, async () => {
    await using server = await UploadServer.start({ MAX_SIZE: "1000" });
    await mkdir(server.scratch);
    const path = join(server.scratch, "big.bin");
    await writeFile(path, Array.from({ length: 24 }, (_, i) => makeBlock(i)));
    assert.deepEqual(await server.client("put", path), {
      code: 1,
      output: "The server takes files of at most 1000 bytes\n",
    });
    assert.deepEqual(await server.client("get", "big.bin", join(server.scratch, "copy")), {
      code: 1,
      output: "There is no such file\n",
    });
    assert.deepEqual(await server.names(), []);
  });
});

describe("the server of the upload", () => {
  it("gives a second file of the same name another name", options, async () => {
    await using server = await UploadServer.start();
    for (const [content, stored] of [["one", "a.txt"], ["two", "a (2).txt"], ["", "a (3).txt"]]) {
      await using connection = await server.connect();
      say(connection, { type: "upload", name: "a.txt", size: content.length });
      connection.send(new TextEncoder().encode(content));
      say(connection, { type: "end", size: content.length });
      assert.equal((await hear(connection)).name, stored);
      assert.equal((await connection.closed).closeCode, 1000);
      assert.equal(await readFile(join(server.files, stored), "utf8"), content);
    }
    assert.deepEqual(await server.names(), ["a (2).txt", "a (3).txt", "a.txt"]);
  });

  it("removes what is not complete when the connection is lost", options, async () => {
    await using server = await UploadServer.start();
    const connection = await server.connect();
    say(connection, { type: "upload", name: "a.txt", size: 8 * PIECE });
    connection.send(new Uint8Array(PIECE));
    assert.deepEqual(await hear(connection), { type: "stored", size: PIECE });
    const [name, ...more] = await server.names();
    assert.match(name, /^\.part-/);
    assert.deepEqual(more, []);
    assert.deepEqual(await (await fetch(`${server.address}files`)).json(), []);
    connection.terminate();
    await until("an empty directory", async () => (await server.names()).length === 0);
  });

  it("removes what is not complete when it is stopped, and closes with 1001", options, async () => {
    await using server = await UploadServer.start();
    const connection = await server.connect();
    say(connection, { type: "upload", name: "a.txt", size: 8 * PIECE });
    connection.send(new Uint8Array(PIECE));
    await hear(connection);
    server.child.signal("SIGTERM");
    assert.equal((await connection.closed).closeCode, 1001);
    assert.deepEqual(await server.child.exited, { code: 0, signal: null });
    assert.deepEqual(await server.names(), []);
  });

  it("sends a page no more than the window beyond what it has confirmed", options, async () => {
    await using server = await UploadServer.start();
    await writeFile(join(server.files, "big"), [...Array(8).keys()].map(makeBlock));
    let came = 0;
    const words: unknown[] = [];
    let change = Promise.withResolvers<void>();
    await using connection = await server.connect({
      message(_, data): void {
        if (typeof data === "string") words.push(JSON.parse(data));
        else came += data.length;
        change.resolve();
        change = Promise.withResolvers();
      },
    });
    const comes = async (size: number): Promise<void> => {
      while (came < size) await change.promise;
      // Whatever more was sent meanwhile comes before these pongs.
      for (let i = 0; i < 5; i++) await connection.ping();
      assert.equal(came, size);
    };
    say(connection, { type: "download", name: "big", as: "pieces" });
    await comes(WINDOW);
    say(connection, { type: "stored", size: PIECE });
    await comes(WINDOW + PIECE);
    say(connection, { type: "stored", size: WINDOW + PIECE });
    while (words.length < 2) await change.promise;
    assert.deepEqual(words, [
      { type: "file", name: "big", size: 8 * MIB },
      { type: "end", size: 8 * MIB, sha256: digestOfBlocks(8) },
    ]);
    assert.equal(came, 8 * MIB);
    say(connection, { type: "done", name: "big", size: 8 * MIB });
    assert.equal((await connection.closed).closeCode, 1000);
  });

  it("serves its page, the list, and nothing else", options, async () => {
    await using server = await UploadServer.start();
    const page = await fetch(server.address);
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    assert.match(await page.text(), /<title>Files<\/title>/);
    for (const path of ["page.js/../../main.ts", "main.ts", "files/a", "transfers"]) {
      const missing = await fetch(server.address + path);
      assert.equal(missing.status, 404);
      await missing.body?.cancel();
    }
  });
});

describe("the server of the upload, to who breaks its rules", () => {
  let server: UploadServer;

  before(async () => {
    server = await UploadServer.start({ MAX_SIZE: "1000000" });
    await writeFile(join(server.files, "..", "secret"), "secret");
    await symlink("../secret", join(server.files, "link"));
  });

  after(() => server[Symbol.asyncDispose]());

  const header = { type: "upload", name: "a.txt", size: 3 };
  for (
    const [what, words, closeCode, reason] of [
      ["what is no JSON", ["hello"], 1007, /no JSON/],
      ["another word", [{ type: "done", name: "a", size: 1 }], 1008, /Expected upload or download/],
      ["null", [null], 1008, /Expected upload or download/],
      ["a file before its name", [Uint8Array.of(1)], 1003, /binary/],
      ["a word that is too long", ["a".repeat(5000)], 1009, /too long/],
      ["a file without a name", [{ ...header, name: "../.." }], 1008, /name/],
      ["a size that is none", [{ ...header, size: -1 }], 1008, /Expected upload/],
      ["a file that is too large", [{ ...header, size: 2e6 }], 1009, /at most 1000000 bytes/],
      ["more than was announced", [header, new Uint8Array(4)], 1009, /more in the file/],
      ["less than that", [header, new Uint8Array(2), { type: "end", size: 3 }], 1008, /2 bytes/],
      [
        "another digest",
        [header, new Uint8Array(3), { type: "end", size: 3, sha256: "00" }],
        1008,
        /changed on its way/,
      ],
      [
        "a file that is not there",
        [{ type: "download", name: "b", as: "message" }],
        1008,
        /no such/,
      ],
      [
        "a file outside",
        [{ type: "download", name: "../secret", as: "pieces" }],
        1008,
        /no such file/,
      ],
      ["a link", [{ type: "download", name: "link", as: "pieces" }], 1008, /no such file/],
    ] as const
  ) {
    it(`closes on ${what} with ${closeCode}, and says why`, options, async () => {
      await using connection = await server.connect();
      for (const word of words) {
        if (word instanceof Uint8Array) connection.send(word);
        else connection.send(typeof word === "string" ? word : JSON.stringify(word));
      }
      const { received } = await connection.closed;
      assert.equal(received?.closeCode, closeCode);
      assert.match(received.reason, reason);
      assert.deepEqual(await server.names(), ["link"]);
      assert.deepEqual(await (await fetch(`${server.address}files`)).json(), []);
    });
  }
});
