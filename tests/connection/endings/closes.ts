/** The closing handshake, and what a half-closed transport makes of it. */

import assert from "node:assert/strict";
import { CLOSE, closePayload, settle } from "../support.ts";
import { block, closeAndEnd, type Ending, LOST, NARROW } from "./support.ts";

/** The endings. */
export const closes: readonly Ending[] = [
  {
    name: "our Close, answered with another: the peer's code is the connection's",
    async happens(rig) {
      rig.connection.close({ closeCode: 3000, reason: "ours" });
      await settle();
      closeAndEnd(rig, 3001, "theirs");
    },
    tells: {
      code: 3001,
      clean: true,
      sent: "3000 ours",
      received: "3001 theirs",
      initiator: "local",
    },
  },
  {
    name: "our Close going away",
    async happens(rig) {
      rig.connection.close({ closeCode: 1001 });
      await settle();
      closeAndEnd(rig, 1001);
    },
    tells: { code: 1001, clean: true, sent: "1001", received: "1001", initiator: "local" },
  },
  {
    name: "the peer's Close",
    happens: (rig) => closeAndEnd(rig, 4000, "enough"),
    tells: { code: 4000, clean: true, sent: "4000", received: "4000 enough", initiator: "remote" },
  },
  {
    name: "the peer's Close without a code",
    happens({ peer }) {
      peer.write(peer.frame(0x80 | CLOSE));
      peer.transport.closeWrite();
    },
    tells: { code: 1005, clean: true, sent: "1005", received: "1005", initiator: "remote" },
  },
  {
    name: "the peer's Close within a message of fragments",
    happens({ peer }) {
      peer.write(peer.frame(0x01, "torn"), peer.frame(0x88, closePayload(1000)));
      peer.transport.closeWrite();
    },
    tells: { code: 1000, clean: true, sent: "1000", received: "1000", initiator: "remote" },
  },
  {
    name: "both Closes at once",
    happens(rig) {
      closeAndEnd(rig, 3001);
      rig.connection.close({ closeCode: 3002 });
    },
    tells: { code: 3001, clean: true, sent: "3002", received: "3001", initiator: "local" },
  },
  {
    name: "our Close with data in flight both ways",
    async happens(rig) {
      rig.peer.say("in flight");
      rig.connection.send("this too");
      rig.connection.close();
      rig.peer.say("late");
      closeAndEnd(rig, 1000);
      await settle();
      assert.deepEqual(rig.peer.said.slice(1), ["1:this too", "8:1000"]); // the first is a ping
      assert.equal(rig.connection.stats.messagesReceived, 2);
    },
    tells: { code: 1000, clean: true, sent: "1000", received: "1000", initiator: "local" },
  },

  {
    name: "half-closed behind a Close: what waits to leave still does, and our Close behind it",
    options: NARROW,
    async happens(rig) {
      await block(rig);
      closeAndEnd(rig, 1000);
      await settle();
      assert.equal(rig.connection.readyState, 2);
      rig.peer.transport.resume();
      await settle();
      assert.deepEqual(rig.peer.frames.map(({ payload }) => payload.length), [4, 500, 2]);
    },
    tells: { code: 1000, clean: true, sent: "1000", received: "1000", initiator: "remote" },
  },
  {
    name: "half-closed without a Close, with data on its way",
    options: NARROW,
    async happens(rig) {
      await block(rig);
      rig.peer.transport.closeWrite();
    },
    tells: { code: 1006, initiator: "remote", error: LOST },
  },
  {
    name: "half-closed within a frame",
    happens({ peer }) {
      peer.write(peer.frame(0x81, "torn").subarray(0, 4));
      peer.transport.closeWrite();
    },
    tells: { code: 1006, initiator: "remote", error: LOST },
  },
  {
    name: "half-closed within a message of fragments",
    happens({ peer }) {
      peer.write(peer.frame(0x01, "torn"));
      peer.transport.closeWrite();
    },
    tells: { code: 1006, initiator: "remote", error: LOST },
  },
  {
    name: "half-closed in answer to our Close",
    async happens({ connection, peer }) {
      connection.close();
      await settle();
      peer.transport.closeWrite();
    },
    tells: { code: 1006, sent: "1000", initiator: "local", error: LOST },
  },
];
