/**
 * The closing handshake (RFC 6455 section 7) as states. What a connection may send, whether it still
 * reads, which side closes TCP and which timeout runs are read from the state alone.
 *
 * | state         | our Close         | the peer's Close | what still comes | what is awaited                |
 * | ------------- | ----------------- | ---------------- | ---------------- | ------------------------------ |
 * | open          |                   |                  | is delivered     |                                |
 * | answering     |                   | received         | is dropped       | replies; for 1 s at most       |
 * | refusing      |                   | (a violation)    | is dropped       | replies; for 1 s at most       |
 * | closing       | in the output     |                  | is delivered     | the system takes our Close     |
 * | answered      | in the output     | received         | is dropped       | the system takes our Close     |
 * | refused       | in the output     | (a violation)    | is dropped       | the system takes our Close     |
 * | awaitingClose | with the system   |                  | is delivered     | the peer's Close: closeTimeout |
 * | finished      | with the system   | received         | is dropped       | the end of TCP: closeTimeout   |
 * | lingering     | with the system   | (a violation)    | is dropped       | silence: 2 s, closeTimeout     |
 * | dropped       |                   |                  | is dropped       | the transport closes           |
 * | terminated    |                   |                  | is dropped       | the transport closes           |
 * | closed        |                   |                  |                  |                                |
 *
 * ```text
 *                receive                answer               flush
 *   open ───────────────────> answering ──────> answered ──────────> finished
 *    │ │                                        ^                        ^
 *    │ │ close                         receive  │                receive │
 *    │ └──────> closing ────────────────────────┘                        │
 *    │             │ │ flush                                             │
 *    │             │ └──────> awaitingClose ─────────────────────────────┘
 *    │     violate │               │ violate
 *    │             v               v
 *    │          refused ───> lingering
 *    │ violate     ^     flush
 *    └──────> refusing
 *             answer
 * ```
 *
 * From open, closing and awaitingClose the end of the peer's direction (`end`) leads to
 * "dropped"; a timeout (`drop`) leads there from anywhere, `terminate` to "terminated", and when the
 * transport has closed (`gone`) all is over.
 *
 * @module
 */

/** Where the closing handshake stands. */
export type ClosingState =
  | "open"
  | "answering"
  | "refusing"
  | "closing"
  | "answered"
  | "refused"
  | "awaitingClose"
  | "finished"
  | "lingering"
  | "dropped"
  | "terminated"
  | "closed";

/**
 * What happens to it: our side begins to close, the peer's Close comes (`receive`), the peer breaks a
 * rule or a limit is passed (`violate`), our Close is encoded after that (`answer`), the system has taken
 * all that was encoded (`flush`), the peer ends its direction (`end`), we give up waiting (`drop`), the
 * user drops the peer (`terminate`), the transport has closed (`gone`).
 */
export type ClosingEvent =
  | "close"
  | "receive"
  | "violate"
  | "answer"
  | "flush"
  | "end"
  | "drop"
  | "terminate"
  | "gone";

type Transitions = Readonly<Partial<Record<ClosingEvent, ClosingState>>>;

const ALWAYS: Transitions = { drop: "dropped", terminate: "terminated", gone: "closed" };

/** The transitions. An event that a state does not list changes nothing. */
const TRANSITIONS = /* @__PURE__ */ transitions();

function transitions(): Readonly<Record<ClosingState, Transitions>> {
  return {
    open: {
      ...ALWAYS,
      close: "closing",
      receive: "answering",
      violate: "refusing",
      end: "dropped",
    },
    answering: { ...ALWAYS, answer: "answered" },
    refusing: { ...ALWAYS, answer: "refused" },
    closing: {
      ...ALWAYS,
      receive: "answered",
      violate: "refused",
      flush: "awaitingClose",
      end: "dropped",
    },
    answered: { ...ALWAYS, flush: "finished" },
    refused: { ...ALWAYS, flush: "lingering" },
    awaitingClose: { ...ALWAYS, receive: "finished", violate: "lingering", end: "dropped" },
    finished: ALWAYS,
    lingering: ALWAYS,
    dropped: { terminate: "terminated", gone: "closed" },
    terminated: { gone: "closed" },
    closed: {},
  };
}

/** Returns the state after `event`. */
export function afterEvent(state: ClosingState, event: ClosingEvent): ClosingState {
  return TRANSITIONS[state][event] ?? state;
}

/** Returns whether what the peer sends is still read: messages, pings and its Close. */
export function isReading(state: ClosingState): boolean {
  return state === "open" || state === "closing" || state === "awaitingClose";
}

/** Returns whether messages can still be sent: our Close has not been encoded (section 5.5.1). */
export function canSend(state: ClosingState): boolean {
  return state === "open" || state === "answering" || state === "refusing";
}
