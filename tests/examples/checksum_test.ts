/** A second extension: the example, beside permessage-deflate, in both orders. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { checksum } from "../../examples/checksum/checksum.ts";
import {
  ClientUpgrade,
  type ExtensionDefinition,
  perMessageDeflate,
  Protocol,
  type ProtocolInit,
  ServerUpgrade,
} from "../../lib/protocol/mod.ts";
import { readRawFrame } from "../../lib/testing/raw_frame.ts";

const options = { timeout: 60_000 };
const deflate = perMessageDeflate();
const RANDOM = Uint8Array.from({ length: 5_000 }, (_, at) => (at * 7919) % 251);

/** What a protocol gives. */
interface End {
  readonly protocol: Protocol;
  readonly received: (string | number[])[];
  readonly failures: number[];
}

function end(init: ProtocolInit): End {
  const received: (string | number[])[] = [], failures: number[] = [];
  const pieces: Uint8Array[] = [];
  let type = "";
  const decoded = new TextDecoder();
  const keep = (data: string | Uint8Array): void =>
    void received.push(typeof data === "string" ? data : [...data]);
  const protocol: Protocol = new Protocol(init, {
    onClosing(error): void {
      if (error !== undefined) failures.push(error.closeCode);
    },
  });
  protocol.start({
    onMessage: keep,
    onMessageStart: (started) => void (type = started),
    onMessageData: (piece) => void pieces.push(piece),
    onMessageEnd(): void {
      const bytes = Uint8Array.from(pieces.splice(0).flatMap((piece) => [...piece]));
      keep(type === "text" ? decoded.decode(bytes) : bytes);
    },
  }, { onPing() {}, onPong() {} });
  return { protocol, received, failures };
}

/** Two ends that have agreed on these extensions. */
function agree(
  offered: readonly ExtensionDefinition[],
  known: readonly ExtensionDefinition[],
  messages: "whole" | "stream" = "whole",
): { client: End; server: End; extensions: string; request: string } {
  const client = new ClientUpgrade("ws://a.example", { extensions: offered, messages });
  const server = new ServerUpgrade({ extensions: known, messages });
  server.receive(client.request);
  const accepted = server.accept(), opened = client.receive(accepted.response)!;
  assert.equal(opened.extensions, accepted.extensions);
  return {
    client: end(opened.init),
    server: end(accepted.init),
    extensions: opened.extensions,
    request: new TextDecoder().decode(client.request),
  };
}

describe("an extension of one's own", () => {
  it("has some 30 lines", () => {
    const url = new URL("../../examples/checksum/checksum.ts", import.meta.url);
    const code = readFileSync(url, "utf8").replace(/\/\*\*[\s\S]*?\*\//g, "")
      .replace(/import [\s\S]*?;.*\n/, "");
    const lines = code.split("\n").filter((line) => /[a-z]/.test(line));
    assert.ok(lines.length <= 36, `${lines.length} lines`);
  });

  const lists = {
    "alone": [checksum],
    "before permessage-deflate": [checksum, deflate],
    "behind permessage-deflate": [deflate, checksum],
  };
  for (const [where, list] of Object.entries(lists)) {
    for (const messages of ["whole", "stream"] as const) {
      it(`runs ${where}, both ways, ${messages}`, options, () => {
        const { client, server, extensions } = agree(list, [deflate, checksum], messages);
        assert.deepEqual(
          extensions.split(", ").map((each) => each.split(";")[0]),
          list.map(({ name }) => name),
        );
        // Whole, and in fragments.
        for (const [from, to] of [[client, server], [server, client]]) {
          const sent = ["", "short", "to be or not to be ".repeat(500), RANDOM];
          for (const data of sent) from.protocol.encoder.message(data);
          from.protocol.encoder.begin("text");
          for (const part of ["in ", "pieces: ", "Grüße ".repeat(100)]) {
            from.protocol.encoder.fragment(new TextEncoder().encode(part), false);
          }
          from.protocol.encoder.fragment(new Uint8Array(0), true);
          const wire = from.protocol.output.take();
          const bits: number[] = [];
          for (let rest = wire.subarray(0); rest.length > 0;) {
            const { rsv, opcode, headerSize, payload } = readRawFrame(rest)!;
            if (opcode !== 0) bits.push(rsv);
            rest = rest.subarray(headerSize + payload.length);
          }
          const both = list.length > 1 ? 0x60 : 0x20;
          assert.deepEqual(bits, [0x20, 0x20, both, both, both], "short ones are not compressed");
          if (list.length > 1) assert.ok(wire.length < 8_000, `${wire.length} bytes`);
          to.protocol.receive(wire);
          const texts = [...sent, `in pieces: ${"Grüße ".repeat(100)}`];
          const expected = texts.map((data) => typeof data === "string" ? data : [...data]);
          assert.deepEqual(to.received.splice(0), expected);
        }
      });
    }

    it(`${where}, it is the same however the bytes are split`, options, () => {
      const { client, server } = agree(list, [checksum, deflate]);
      for (const data of ["", "short", "to be or not to be ".repeat(20), RANDOM.subarray(0, 200)]) {
        client.protocol.encoder.message(data);
      }
      const wire = client.protocol.output.take();
      for (const byte of wire) server.protocol.receive(Uint8Array.of(byte));
      assert.deepEqual(server.failures, []);
      assert.deepEqual(server.received.map(({ length }) => length), [0, 5, 380, 200]);
    });

    it(`${where}, a message that was changed on the way is refused with 1007`, options, () => {
      const { client, server } = agree(list, [checksum, deflate]);
      client.protocol.encoder.message("to be or not to be ".repeat(20));
      const wire = client.protocol.output.take().slice();
      wire[wire.length >> 1] ^= 1;
      server.protocol.receive(wire);
      assert.deepEqual([server.received, server.failures], [[], [1007]]);
    });
  }

  it("loses nothing when reading stops within a chunk, in either order", options, () => {
    for (const list of [[checksum, deflate], [deflate, checksum], [deflate], [checksum]]) {
      const { client, server } = agree(list, list, "stream");
      let size = 0, ends = 0;
      server.protocol.start({
        onMessage() {},
        onMessageStart() {},
        onMessageData(piece): void {
          size += piece.length;
          server.protocol.stopReading();
        },
        onMessageEnd: () => void ends++,
      }, { onPing() {}, onPong() {} });
      client.protocol.encoder.message(new Uint8Array(300_000));
      client.protocol.encoder.message("short");
      const wire = client.protocol.output.take(), middle = wire.length >> 1;
      for (const chunk of [wire.subarray(0, middle), wire.subarray(middle)]) {
        for (let at = 0; at < chunk.length;) at = server.protocol.receive(chunk, at);
      }
      assert.deepEqual([size, ends, server.failures], [300_005, 2, []]);
    }
  });

  it("an extension may set only some of its bits", options, () => {
    class TwoBits {
      readonly header = "x-two";
      readonly rsv = 0x30;
      sentRsv = 0x10;
      wants(size: number): boolean {
        this.sentRsv = size > 5 ? 0x20 : 0x10;
        return true;
      }
      encode(piece: Uint8Array, _final: boolean, emit: (piece: Uint8Array) => void): void {
        emit(piece);
      }
      decode(
        piece: Uint8Array,
        _final: boolean,
        _limit: number,
        emit: (piece: Uint8Array) => void,
      ): void {
        emit(piece);
      }
    }
    const two: ExtensionDefinition = { name: "x-two", rsv: 0x30, create: () => new TwoBits() };
    const { client, server } = agree([two, deflate], [two, deflate]);
    for (const text of ["short", "a longer message", "x".repeat(500)]) {
      client.protocol.encoder.message(text);
    }
    server.protocol.receive(client.protocol.output.take());
    assert.deepEqual(server.received.map(({ length }) => length), [5, 16, 500]);
  });

  it("the limit is for what comes out, whatever lies between", options, () => {
    for (const list of [[checksum, deflate], [deflate, checksum]]) {
      const client = new ClientUpgrade("ws://a.example", { extensions: list });
      const server = new ServerUpgrade({ extensions: list, maxMessageSize: 1_000 });
      server.receive(client.request);
      const accepted = server.accept(), opened = client.receive(accepted.response)!;
      const from = end(opened.init), to = end(accepted.init);
      from.protocol.encoder.message("a".repeat(1_000));
      from.protocol.encoder.message("b".repeat(1_001));
      to.protocol.receive(from.protocol.output.take());
      assert.deepEqual([to.received, to.failures], [["a".repeat(1_000)], [1009]]);
    }
  });
});
