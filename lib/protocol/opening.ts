/**
 * The server's side of the opening handshake (RFC 6455 section 4.2) as states.
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

/** Returns whether the request has neither been accepted nor answered. */
export function isPending(state: OpeningState): boolean {
  return state === "reading" || state === "deciding";
}
