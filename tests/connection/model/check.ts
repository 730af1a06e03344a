/** What must hold once both ends are over. */

import assert from "node:assert/strict";
import {
  type CloseInfo,
  ConnectionClosedError,
  LimitError,
  ProtocolError,
  TransportError,
} from "../../../lib/errors.ts";
import { isNormalEnd } from "../../../lib/message/close.ts";
import type { Content } from "./content.ts";
import { type End, GAVE_UP, UNREAD } from "./end.ts";
import { ABORTED } from "./sending.ts";

/** Checks both ends, and that each tells of the other what the other tells of itself. */
export function checkPair(client: End, server: End): void {
  for (const [end, peer] of [[client, server], [server, client]]) {
    try {
      checkPromises(end);
      checkEvents(end);
      checkInfo(end, peer);
      checkSent(end);
      checkPassed(end, peer);
      checkDelivered(end);
    } catch (error) {
      if (error instanceof Error) error.message = `${end.side}: ${error.message}`;
      throw error;
    }
  }
  const { info: one } = client, { info: other } = server;
  if (one!.wasClean && other!.wasClean) {
    const initiators = [one!.initiator, other!.initiator];
    assert.ok(initiators.includes("local"), "nobody began to close");
    assert.deepEqual(one!.received, other!.sent, "the client's received is the server's sent");
    assert.deepEqual(other!.received, one!.sent, "the server's received is the client's sent");
  }
}

/** Every promise has settled, nothing waits, nothing was reported that nobody did. */
function checkPromises(end: End): void {
  for (const { name, state } of end.tracked) {
    assert.notEqual(state, "pending", `${name} is pending`);
  }
  assert.equal(end.connection.readyState, 3);
  assert.equal(end.connection.bufferedAmount, 0, "something is buffered");
  assert.equal(end.reader.asks, 0, "a take is pending");
  for (const error of end.errors) {
    const known = end.intent.failed && /the user's code failed/.test(String(error)) ||
      end.setup.reading === "promises" && GAVE_UP.test(String(error)) ||
      end.setup.reading === "receive" && UNREAD.test(String(error));
    assert.ok(known, `reported: ${error}`);
  }
  for (const { source } of end.sending.offers) {
    assert.ok(source === undefined || source.over, "a source is neither read out nor cancelled");
  }
}

/** `open` first, `close` once and last. */
function checkEvents(end: End): void {
  const { events, reader: { setup, delivered, ending, pulls }, info } = end;
  assert.equal(events[0], "open");
  assert.equal(events.lastIndexOf("open"), 0);
  assert.deepEqual(end.spy.closed, info);
  for (const { outcome } of delivered) {
    assert.notEqual(outcome, "reading", "a message is being read");
  }
  if (!pulls) {
    assert.equal(events.indexOf("close"), events.length - 1, `after close: ${events}`);
    const messages = events.filter((name) => name === "message").length;
    assert.equal(messages, delivered.length);
    return;
  }
  assert.ok(ending !== undefined, "iteration goes on");
  if ("done" in ending) {
    assert.ok(setup.reading !== "receive");
    // Who cancels a stream has it end there and then.
    assert.ok(
      isNormalEnd(info!.closeCode) || end.tracked.some(({ name }) => name === "readable.cancel"),
    );
  } else {
    const { error } = ending;
    assert.ok(error instanceof ConnectionClosedError, `iteration ended with ${error}`);
    assert.ok(setup.reading === "receive" || !isNormalEnd(info!.closeCode));
    assert.deepEqual(infoOf(error), info);
  }
}

function infoOf(error: ConnectionClosedError): CloseInfo {
  const { closeCode, reason, wasClean, sent, received, initiator } = error;
  return { closeCode, reason, wasClean, sent, received, initiator, error: error.error };
}

/** `closed` tells what was done. */
function checkInfo(end: End, peer: End): void {
  const { intent } = end,
    { closeCode, reason, wasClean, sent, received, initiator, error } = end.info!;
  assert.equal(wasClean, sent !== undefined && received !== undefined, "wasClean");
  assert.equal(closeCode, received?.closeCode ?? 1006);
  assert.equal(reason, received?.reason ?? "");
  assert.ok(!(error instanceof ProtocolError), `${error}`);
  const bySelf = error !== undefined && !(error instanceof TransportError);
  if (bySelf && !(error instanceof LimitError)) {
    assert.ok(intent.failed || intent.sourceFailed, `an error of nobody's: ${error}`);
  }
  if (wasClean && !bySelf) assert.equal(error, undefined);
  if (received !== undefined && peer.info!.sent !== undefined) {
    assert.deepEqual(received, peer.info!.sent);
  }
  const asked = intent.asked !== undefined || intent.terminated || bySelf;
  if (!asked) assert.equal(initiator, "remote", "nobody asked for this end");
  if (initiator === "remote" && sent !== undefined && !bySelf) {
    assert.deepEqual(sent, { closeCode: received!.closeCode, reason: "" }, "not the answer");
  }
  if (sent !== undefined && initiator === "local" && !intent.terminated) {
    const codes = [intent.asked?.closeCode];
    if (bySelf) codes.push(1011, error instanceof LimitError ? error.closeCode : 1011);
    assert.ok(codes.includes(sent.closeCode), `sent ${sent.closeCode}, not one of ${codes}`);
  }
  // Without trouble, an end is clean on both sides.
  const troubled = (each: End): boolean =>
    each.intent.terminated || each.intent.ended !== undefined || each.info!.error !== undefined;
  if (!troubled(end) && !troubled(peer)) {
    assert.ok(wasClean, "not clean, though nothing went wrong");
  }
}

/** What the connection was asked to send is what its link was given: in order, and all if it could. */
function checkSent(end: End): void {
  const { sending: { offers }, spy: { sent }, info, intent } = end;
  let next = 0;
  for (const offer of offers) {
    const content = sent[next];
    // Of a message that was given up nothing has left, or it is the last.
    const given = offer.state === "accepted" || content?.complete === false;
    if (content !== undefined && given && content.begins(offer.content())) {
      if (offer.state === "accepted") assert.ok(content.complete, `cut: ${content}`);
      else assert.equal(next, sent.length - 1, `not the last: ${content}`);
      next++;
    } else if (offer.state === "accepted") {
      // It waited behind a source when the end came.
      assert.equal(content, undefined, `${content} was sent in place of ${offer.content()}`);
      const orderly = info!.wasClean && info!.initiator === "local" && info!.error === undefined;
      assert.ok(!orderly || intent.terminated, `never sent: ${offer.content()}`);
    }
    if (offer.state === "waiting") assert.fail("a message is being sent");
    const { error, source } = offer;
    if (error === undefined || error === source!.failure || error === ABORTED) continue;
    const known = error instanceof ConnectionClosedError || error instanceof LimitError ||
      (error as Error).name === "AbortError";
    assert.ok(known, `not sent because of ${error}`);
  }
  assert.equal(next, sent.length, `nobody sent ${sent[next]}`);
}

/** What arrived is a prefix of what was sent, and all of it where both ended cleanly. */
function checkPassed(end: End, peer: End): void {
  const { sent } = peer.spy, { arrived } = end.spy;
  isPrefix(arrived, sent);
  assert.equal(end.connection.stats.messagesReceived, arrived.length);
  if (!end.info!.wasClean || !peer.info!.wasClean) return;
  // What waits for a peer that takes too little is dropped, also while it is being answered.
  if (peer.info!.error instanceof LimitError) return;
  const complete = (list: Content[]): number => list.filter(({ complete }) => complete).length;
  assert.equal(complete(arrived), complete(sent), "clean, and yet something is lost");
}

/** What the user was given is a prefix of what arrived, and all of it unless the documents say so. */
function checkDelivered(end: End): void {
  const { mayDrop, intent, spy: { arrived }, setup, reader: { delivered, pulls } } = end;
  isPrefix(delivered.map(({ content }) => content), arrived);
  delivered.forEach(({ outcome, content, error }, at) => {
    if (outcome === "whole") assert.ok(content.complete);
    if (outcome !== "cut") return;
    const name = error instanceof ConnectionClosedError ? "closed" : (error as Error).name;
    assert.ok(name === "closed" || name === "AbortError", `reading failed with ${error}`);
    if (name === "closed" && arrived[at].complete) {
      assert.ok(
        intent.asked !== undefined || intent.failed || intent.sourceFailed,
        "a message with a hole",
      );
    }
  });
  const next = delivered.length;
  if (next === arrived.length || intent.discarded || setup.reading === "deaf") return;
  if (end.tracked.some(({ name }) => name === "readable.cancel")) return;
  if (mayDrop[next]) return;
  if (end.arrivedAtStop !== undefined || intent.failed) {
    // What had arrived before can still be taken.
    if (pulls && !intent.failed) assert.ok(next >= end.arrivedAtStop!, "what waited is lost");
    return;
  }
  // A handler that works on and on after the end is given up, and what waits behind it.
  assert.ok(end.gaveUp, `not delivered: ${arrived[next]}`);
}

function isPrefix(some: readonly Content[], all: readonly Content[]): void {
  some.forEach((content, at) => {
    const whole = all[at];
    assert.ok(whole !== undefined && content.begins(whole), `${at}: ${content} is not ${whole}`);
  });
}
