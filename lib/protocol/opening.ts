/**
 * The opening handshake as states: the server's side (RFC 6455 section 4.2) and the client's (4.1).
 *
 * The server:
 *
 * ```text
 *              head             accept
 *   reading ──────────> deciding ──────> done
 *      │                 │    │
 *      │ refuse          │    │ respond
 *      │          refuse │    v
 *      │                 │  answering
 *      v                 v    │ sent
 *   lingering <───────────────┘
 * ```
 *
 * | state     | what happens                                                      | what comes    |
 * | --------- | ----------------------------------------------------------------- | ------------- |
 * | reading   | the request's head is read, for `handshakeTimeout`                | is the head   |
 * | deciding  | rules, policies, the hook or `fetch` decide, in the same time     | is held       |
 * | answering | the body of a Response is sent, as fast as the client takes it    | is dropped    |
 * | lingering | all was said; the client's end is awaited, so that it can read it | is dropped    |
 * | done      | a connection has the transport, or it has closed                  |               |
 *
 * From every state `gone`, the transport's close, leads to "done".
 *
 * The client:
 *
 * ```text
 *              accept
 *   waiting ──────────> done
 *      │ │     fail      ^ ^
 *      │ └───────────────┘ │
 *      │ refuse            │ fail
 *      └──────> refused ───┘
 * ```
 *
 * | state   | what happens                                                           | what comes  |
 * | ------- | ---------------------------------------------------------------------- | ----------- |
 * | waiting | the request has been sent; its answer is awaited                       | is the head |
 * | refused | the beginning of the body is read: it says why; then the handshake fails | is the body |
 * | done    | a connection has the transport, or the handshake has failed             |             |
 *
 * @module
 */

/** Where an opening handshake stands. */
export type OpeningState = "reading" | "deciding" | "answering" | "lingering" | "done";

/**
 * What happens to it: the request's head has come (`head`), it is accepted (`accept`), the head of a
 * Response has been written (`respond`) and then all of it (`sent`), an error has been answered or the
 * client is dropped (`refuse`), the transport has closed (`gone`).
 */
export type OpeningEvent = "head" | "accept" | "respond" | "sent" | "refuse" | "gone";

/** The transitions. An event that a state does not list changes nothing. */
const TRANSITIONS: Readonly<
  Record<OpeningState, Readonly<Partial<Record<OpeningEvent, OpeningState>>>>
> = {
  reading: { head: "deciding", refuse: "lingering", gone: "done" },
  deciding: { accept: "done", respond: "answering", refuse: "lingering", gone: "done" },
  answering: { sent: "lingering", gone: "done" },
  lingering: { gone: "done" },
  done: {},
};

/** Returns the state after `event`. */
export function afterOpeningEvent(state: OpeningState, event: OpeningEvent): OpeningState {
  return TRANSITIONS[state][event] ?? state;
}

/** Where a client's opening handshake stands. */
export type ClientOpeningState = "waiting" | "refused" | "done";

/**
 * What happens to it: the server accepts (`accept`) or answers with another status (`refuse`); the
 * handshake fails (`fail`), as the refusal is complete, the answer invalid, the time over or the transport
 * closed.
 */
export type ClientOpeningEvent = "accept" | "refuse" | "fail";

const CLIENT_TRANSITIONS: Readonly<
  Record<ClientOpeningState, Readonly<Partial<Record<ClientOpeningEvent, ClientOpeningState>>>>
> = {
  waiting: { accept: "done", refuse: "refused", fail: "done" },
  refused: { fail: "done" },
  done: {},
};

/** Returns a client's state after `event`. */
export function afterClientOpeningEvent(
  state: ClientOpeningState,
  event: ClientOpeningEvent,
): ClientOpeningState {
  return CLIENT_TRANSITIONS[state][event] ?? state;
}

/** Returns whether the request has neither been accepted nor answered. */
export function isPending(state: OpeningState): boolean {
  return state === "reading" || state === "deciding";
}
