/** Peers that go or fall silent, and connections that are dropped. */

import assert from "node:assert/strict";
import { pass, settle } from "../support.ts";
import { block, closeAndEnd, type Ending, NARROW, RESET, slowSource, WIDE } from "./support.ts";

/** The endings. */
export const losses: readonly Ending[] = [
  {
    name: "a reset",
    happens: ({ peer }) => peer.transport.close(),
    tells: { code: 1006, initiator: "remote", error: RESET },
  },
  {
    name: "a reset in answer to our Close",
    async happens({ connection, peer }) {
      connection.close({ closeCode: 1001, reason: "bye" });
      await settle();
      peer.transport.close();
    },
    tells: { code: 1006, sent: "1001 bye", initiator: "local", error: RESET },
  },
  {
    name: "a reset before our Close has left: none was sent",
    options: NARROW,
    async happens(rig) {
      await block(rig);
      rig.connection.close();
      await settle();
      rig.peer.transport.close();
    },
    tells: { code: 1006, initiator: "local", error: RESET },
  },
  {
    name: "a reset behind the peer's Close, before our answer has left",
    options: NARROW,
    async happens(rig) {
      await block(rig);
      rig.peer.sayClose(3000);
      await settle();
      rig.peer.transport.close();
    },
    tells: { code: 3000, received: "3000", initiator: "remote", error: RESET },
  },

  {
    name: "terminate",
    happens: ({ connection }) => connection.terminate(),
    tells: { code: 1006, initiator: "local" },
  },
  {
    name: "terminate while our Close waits for its answer",
    async happens({ connection }) {
      connection.close({ closeCode: 3000 });
      await settle();
      connection.terminate();
    },
    tells: { code: 1006, sent: "3000", initiator: "local" },
  },
  {
    name: "terminate while our answer to a Close waits to leave",
    options: NARROW,
    async happens(rig) {
      await block(rig);
      rig.peer.sayClose(3000);
      await settle();
      rig.connection.terminate();
    },
    tells: { code: 3000, received: "3000", initiator: "local" },
  },

  {
    name: "pingTimeout",
    options: { pingInterval: 100, pingTimeout: 50, closeTimeout: 30 },
    async happens({ clock }) {
      await pass(clock, 150);
      clock.advance(30);
    },
    tells: { code: 1006, sent: "1011", initiator: "local", error: "LimitError pingTimeout" },
  },
  {
    name: "pingTimeout, though the peer wakes up to answer the Close",
    options: { pingInterval: 100, pingTimeout: 50 },
    async happens(rig) {
      await pass(rig.clock, 150);
      closeAndEnd(rig, 1011);
    },
    tells: { code: 1006, sent: "1011", initiator: "local", error: "LimitError pingTimeout" },
  },
  {
    name: "closeTimeout: our Close is not answered",
    options: { closeTimeout: 50 },
    async happens({ connection, clock }) {
      connection.close();
      await settle();
      clock.advance(50);
    },
    tells: { code: 1006, sent: "1000", initiator: "local", error: "LimitError closeTimeout" },
  },
  {
    name: "closeTimeout: a message under way gets nothing from its source",
    options: { ...WIDE, closeTimeout: 50 },
    async happens(rig) {
      const sending = rig.connection.send(slowSource().stream);
      await settle();
      rig.connection.close();
      rig.clock.advance(50);
      await assert.rejects(sending, { option: "closeTimeout" });
      await settle();
      closeAndEnd(rig, 1011);
    },
    tells: {
      code: 1011,
      clean: true,
      sent: "1011",
      received: "1011",
      initiator: "local",
      error: "LimitError closeTimeout",
    },
  },
  {
    name: "sendTimeout: the peer takes nothing",
    options: NARROW,
    async happens(rig) {
      await block(rig);
      rig.clock.advance(700);
    },
    tells: { code: 1006, initiator: "local", error: "LimitError sendTimeout" },
  },
  {
    name: "sendTimeout: the peer takes no Close, though it has sent one",
    options: NARROW,
    async happens(rig) {
      await block(rig);
      rig.peer.sayClose(3000);
      await settle();
      rig.clock.advance(700);
    },
    tells: { code: 3000, received: "3000", initiator: "local", error: "LimitError sendTimeout" },
  },
];
