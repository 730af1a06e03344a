/** What compression holds, and lets go of at each ending of a connection. */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { tradesJson } from "../deflate/corpus.ts";
import {
  FORGETFUL,
  HELLO,
  openCompressed,
  openCompressedStream,
  PLAIN,
  WHOLE_BINARY,
} from "./compression_support.ts";
import { closes } from "./endings/closes.ts";
import { failures } from "./endings/failures.ts";
import { losses } from "./endings/losses.ts";
import { Source } from "./test_sources.ts";
import { ROLES, settle } from "./support.ts";

const WIDE = { memory: { capacity: 1 << 22 } };

for (const role of ROLES) {
  describe(`what compression holds, as ${role}`, () => {
    for (const { name, options, happens } of [...closes, ...losses, ...failures]) {
      it(`contexts are released, once, at the end: ${name}`, async () => {
        for (const agreement of [PLAIN, FORGETFUL]) {
          // What is sent is the same as without compression: endings wait for it to get stuck.
          const rig = openCompressed({ ...options, role, agreement, threshold: Infinity });
          const { extension, connection, clock } = rig;
          // As after messages, or half-way through some.
          extension.decode(new Uint8Array(HELLO), agreement === PLAIN, 100, () => {});
          extension.encode(tradesJson(1, 1000), agreement === PLAIN, () => {});
          assert.ok(extension.memory > 1000);
          const ping = connection.ping().catch(() => {}); // they expect one
          await happens(rig);
          // The answer to a Close waits for messages that nobody takes.
          await settle();
          clock.advance(1000);
          await Promise.all([connection.closed, ping]);
          assert.deepEqual([extension.releases, extension.memory], [1, 0]);
        }
      });
    }

    it("contexts are released where a handler or a source ends the connection in the middle", async () => {
      for (const end of ["terminate", "close", "throw"] as const) {
        const { connection, peer, extension } = openCompressed({
          role,
          onError: () => {},
          websocket: {
            message(connection): void {
              connection.send(tradesJson(1, 500));
              if (end === "throw") throw new Error("enough");
              connection[end]();
              connection.send(tradesJson(1, 500));
            },
          },
        });
        peer.write(peer.frame(WHOLE_BINARY, HELLO), peer.frame(WHOLE_BINARY, HELLO));
        await settle();
        if (end !== "terminate") peer.sayClose();
        peer.transport.closeWrite();
        await connection.closed;
        assert.deepEqual([extension.releases, extension.memory], [1, 0], end);
      }
      const { connection, peer, extension } = openCompressed({ role, ...WIDE, onError: () => {} });
      const source = new Source(tradesJson(1, 100_000));
      const sent = connection.send(source);
      await settle();
      assert.ok(extension.memory > 0);
      source.fail(new Error("enough"));
      await assert.rejects(sent, /enough/);
      await settle();
      assert.deepEqual(peer.closeCodes, [1011]);
      peer.sayClose(1011);
      peer.transport.closeWrite();
      await connection.closed;
      assert.deepEqual([extension.releases, extension.memory], [1, 0]);
    });

    it("without context takeover nothing is held between messages, either way, streamed ones too", async () => {
      const { connection, peer, extension } = openCompressed({
        role,
        agreement: FORGETFUL,
        ...WIDE,
      });
      peer.write(peer.frame(WHOLE_BINARY, HELLO));
      connection.send(tradesJson(1, 1000));
      await connection.send(new Source(tradesJson(1, 100_000)).end());
      await settle();
      assert.equal(extension.memory, 0);
      peer.write(peer.frame(0x42, HELLO.slice(0, 3)));
      await settle();
      assert.ok(extension.memory > 0);
      connection.terminate();
      await connection.closed;
      assert.equal(extension.memory, 0);
    });

    it("a message that nothing reads is inflated nevertheless: the next one needs its context", async () => {
      const { connection, peer } = openCompressedStream({ role });
      peer.write(
        peer.frame(WHOLE_BINARY, HELLO),
        peer.frame(0xc1, [0xf2, 0x00, 0x11, 0x00, 0x00]),
      );
      const unread = await connection.receive();
      assert.equal(unread.bodyUsed, false);
      assert.equal(await (await connection.receive()).text(), "Hello");
    });
  });
}
