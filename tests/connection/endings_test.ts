/**
 * What `closed` tells of each way in which a connection ends, in both roles: codes, who began, whether
 * it was clean, and the error. Step by step, closing_test.ts has how some of them come about.
 */

import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { type CloseInfo, type CloseStatus, SluiceError } from "../../lib/errors.ts";
import { isNormalEnd } from "../../lib/message/close.ts";
import { closes } from "./endings/closes.ts";
import { failures } from "./endings/failures.ts";
import { losses } from "./endings/losses.ts";
import type { Ending } from "./endings/support.ts";
import { open, ROLES, settle } from "./support.ts";

/** Reasons of our own making are prose: a test of theirs would be one of words. */
function statusOf(status: CloseStatus | undefined, error: Error | undefined): string | undefined {
  if (status === undefined) return undefined;
  const prose = error instanceof SluiceError && error.message.startsWith(status.reason);
  return `${status.closeCode} ${prose ? "" : status.reason}`.trim();
}

function causeOf(error: Error | undefined): string | undefined {
  if (error === undefined) return undefined;
  if (!(error instanceof SluiceError)) return `${error.name} ${error.message}`;
  return `${error.name} ${"option" in error ? error.option : error.code}`;
}

function summary(info: CloseInfo): Ending["tells"] {
  const sent = statusOf(info.sent, info.error), received = statusOf(info.received, undefined);
  const error = causeOf(info.error);
  return {
    code: info.closeCode,
    ...(info.wasClean && { clean: true }),
    ...(sent !== undefined && { sent }),
    ...(received !== undefined && { received }),
    initiator: info.initiator,
    ...(error !== undefined && { error }),
  };
}

for (const role of ROLES) {
  describe(`\`closed\`, as ${role}`, () => {
    for (const { name, options, happens, tells } of [...closes, ...losses, ...failures]) {
      it(`${name}: ${tells.code}${tells.clean ? ", clean" : ""}`, async () => {
        const rig = open({ ...options, role });
        const { connection, peer, clock, transport } = rig;
        // With a signal it has no timeout of its own: the end of the connection alone settles it.
        const { signal } = new AbortController();
        const ping = connection.ping({ signal }).then(
          () => "pong",
          (error) => (error as Error).name,
        );
        await happens(rig);
        // The answer to a Close waits for messages that nobody takes.
        await settle();
        clock.advance(1000);
        const info = await connection.closed;
        assert.deepEqual(summary(info), tells);

        // Whatever the way, this is the end.
        assert.equal(connection.readyState, 3);
        assert.equal(connection.bufferedAmount, 0);
        assert.equal(connection.send("late"), false);
        await connection.ready;
        assert.equal(await ping, "ConnectionClosedError");
        await settle();
        assert.ok(transport.closed && (peer.ended || peer.closed));
        assert.equal(clock.timers, 0);
        if (options?.websocket !== undefined) return;
        const end = (async () => {
          for await (const _ of connection);
        })();
        if (isNormalEnd(info.closeCode)) await end;
        else await assert.rejects(end, { code: "CONNECTION_CLOSED", closeCode: info.closeCode });
      });
    }
  });
}
