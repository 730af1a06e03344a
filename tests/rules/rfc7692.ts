/**
 * Each MUST, MUST NOT, SHOULD and SHOULD NOT of RFC 7692 sections 5 to 7, in words of our own, with
 * the names of the tests that fail when it is broken. What the text states as a plain fact of the
 * format is listed as a MUST too.
 */

import { both, type Rule } from "./rule.ts";

const CONTENT =
  "every sequence of messages comes back, from either role, with and without contexts";
const PEERS = [
  "as the server, asked by us for: *",
  "as the client, told by us: *",
  "as the server, which insists on: *",
  "as the client, which asks for: *",
] as const;
/** The tests with other implementations, for each role of ours. */
const withPeers = { client: [PEERS[0], PEERS[2]], server: [PEERS[1], PEERS[3]] };
const ANSWER = "7.1.3: an answer that does not fit the offer fails the handshake";
const UNFIT = "7.1: what was not asked for, not granted, or makes no sense, fails";
const ACCEPTED = "7.1: each parameter, and what is answered";
const ANSWERED = "5.1, 7.1: the first offer that can be accepted is answered, with its parameters";
const OFFERED = "7.1: each parameter that is asked for";
const RESPONSE = "7.1: each parameter that a server may send";

const negotiation: Rule[] = [
  {
    section: "5",
    level: "MUST",
    rule: "the extension is used only where the client offered it and the server accepted",
    who: "endpoint",
    tests: {
      client: ["a server that declines leaves a connection that compresses nothing"],
      server: [
        "a server that was not told to compress answers no extension",
        "5.1: nothing of it offered, or other extensions only, is no agreement",
        "one end alone compresses nothing",
      ],
    },
  },
  {
    section: "5",
    level: "MUST",
    rule: "what was agreed on holds, in both directions, from the first message on",
    who: "endpoint",
    tests: {
      client: [
        "the terms of the answer hold, from the first frame behind it on",
        ...withPeers.client,
      ],
      server: [
        "a compressed message in one chunk with the request is the first message",
        ...withPeers.server,
      ],
    },
  },
  {
    section: "5",
    level: "MUST",
    rule: "a client fails the connection if it does not support the terms that the server accepted",
    who: "client",
    tests: { client: [ANSWER, UNFIT] },
  },
  {
    section: "5.1",
    level: "SHOULD",
    rule: "offers stand in the client's order of preference, and the server chooses by it",
    who: "server",
    tests: {
      server: [
        ANSWERED,
        "5.1: the first offer that can be accepted is, those before it fall through",
      ],
    },
  },
  {
    section: "5.2",
    level: "MUST",
    rule: "no more than one extension that uses RSV1 is agreed on",
    who: "endpoint",
    tests: { client: [UNFIT, ANSWER], server: [ANSWERED] },
  },
];

const framing: Rule[] = [
  {
    section: "6",
    level: "MUST",
    rule: "RSV1 is set on the first frame of a compressed message, and tells that it is one",
    who: "endpoint",
    tests: both("6: RSV1 is set on a compressed message, and on its first frame only"),
  },
  {
    section: "6",
    level: "MUST NOT",
    rule: "RSV1 is not set on a control frame, nor on a fragment behind the first",
    who: "endpoint",
    tests: both(
      "6: RSV1 is set on a compressed message, and on its first frame only",
      "control frames between the fragments of a compressed message are not compressed",
    ),
  },
  {
    section: "6",
    level: "MUST",
    rule: "RSV1 on a control frame or on a fragment behind the first fails the connection",
    who: "endpoint",
    tests: both(
      "threat 30: RSV1 on a continuation or a control frame, and RSV2 and 3 anywhere: 1002",
    ),
  },
  {
    section: "6",
    level: "MUST",
    rule: "the opcode of a compressed message's first frame is that of its content",
    who: "endpoint",
    tests: both(
      "6: RSV1 is set on a compressed message, and on its first frame only",
      "7.2.3.1, 7.2.3.2: the RFC's Hello, whole and in fragments, and again from its context",
    ),
  },
  {
    section: "6",
    level: "MUST",
    rule: "text has to be UTF-8 once it is decompressed, and not before",
    who: "endpoint",
    tests: both(
      "text that is no UTF-8 once it is inflated: 1007, before its last fragment",
      "threat: compressed text that is no UTF-8 is 1007, as soon as it is inflated",
    ),
  },
  {
    section: "6.1",
    level: "MUST",
    rule: "a message that is not compressed is sent as without the extension, RSV1 not set",
    who: "endpoint",
    tests: both(
      "{ compress: false } sends a message as it is, whole, streamed, or behind one under way",
      "what is shorter than 64 bytes, or 256 without context takeover, is sent as it is",
    ),
  },
  {
    section: "6.1",
    level: "MUST",
    rule: "the whole message is compressed, and cut into fragments behind that, if at all",
    who: "endpoint",
    tests: both(
      "a streamed message is compressed as it streams: what can be sent is, before its end",
      "a message is compressed as it streams, and comes back",
    ),
  },
  {
    section: "6.2",
    level: "MUST",
    rule: "a message with RSV1 is decompressed, over all of its fragments; one without it is not",
    who: "endpoint",
    tests: both(
      "7.2.3.1, 7.2.3.2: the RFC's Hello, whole and in fragments, and again from its context",
      "threat: messages that are not compressed stand between others and leave the window alone",
      "a ping between fragments of a compressed message is answered at once, and disturbs nothing",
    ),
  },
  {
    section: "6",
    level: "MUST NOT",
    rule: "an intermediary does not change the compression of what it does not understand",
    who: "other",
    not: "binds intermediaries: the library is an endpoint",
  },
];

const parameters: Rule[] = [
  {
    section: "7",
    level: "MUST",
    rule: "a server declines an offer with a parameter that is not defined for offers",
    who: "server",
    tests: {
      server: [
        ANSWERED,
        "7.1: an offer with an unknown parameter, or a value where none belongs, is declined",
      ],
    },
  },
  {
    section: "7",
    level: "MUST",
    rule: "a server declines an offer with a value that a parameter cannot have",
    who: "server",
    tests: {
      server: [
        ANSWERED,
        "7.1.2: windows are 8 to 15 in plain digits, anything else declines the offer",
        "7.1: an offer with an unknown parameter, or a value where none belongs, is declined",
      ],
    },
  },
  {
    section: "7",
    level: "MUST",
    rule: "a server declines an offer with a parameter twice",
    who: "server",
    tests: {
      server: [
        "7.1: an offer with a parameter twice is declined, and no reason to refuse the handshake",
        "7.1: an offer with a parameter twice is declined, and one behind it can be accepted",
      ],
    },
  },
  {
    section: "7",
    level: "MUST",
    rule: "a server declines an offer of terms that it does not support",
    who: "server",
    tests: {
      server: [
        ANSWERED,
        "7.1.2.2: a client that cannot be told a limit is declined by a server that has one",
      ],
    },
  },
  ...["not defined for responses", "with a value that it cannot have", "that comes twice"].map(
    (which): Rule => ({
      section: "7",
      level: "MUST",
      rule: `a client fails the connection over an answer with a parameter ${which}`,
      who: "client",
      tests: {
        client: [
          ANSWER,
          UNFIT,
          "threat 05: an answer with an invalid window fails the handshake, not a frame",
          "7.1.2: windows are 8 to 15 in plain digits, and what else came is shown at no length",
        ],
      },
    }),
  ),
  {
    section: "7",
    level: "MUST",
    rule: "a client fails the connection over an answer with terms that it does not support",
    who: "client",
    tests: { client: [ANSWER, UNFIT] },
  },
  {
    section: "7.1.1.1",
    level: "MUST",
    rule: "server_no_context_takeover, where it was asked for, is in the answer that accepts",
    who: "endpoint",
    tests: { server: [ACCEPTED, ANSWERED], client: [OFFERED, UNFIT, ANSWER] },
  },
  {
    section: "7.1.1.1",
    level: "MUST NOT",
    rule: "a server that has agreed to it takes over no context from message to message",
    who: "server",
    tests: {
      server: [
        "7.2.1: what is sent without context takeover inflates by itself",
        "7.1.1: a message is smaller by what was sent before it, unless this end takes nothing over",
        ...withPeers.server,
      ],
    },
  },
  {
    section: "7.1.1.1",
    level: "SHOULD",
    rule: "a server can agree to server_no_context_takeover",
    who: "server",
    tests: { server: [ACCEPTED, PEERS[3]] },
  },
  {
    section: "7.1.1.2",
    level: "MUST NOT",
    rule: "a client that was told client_no_context_takeover takes over no context",
    who: "client",
    tests: {
      client: [
        "7.2.1: what is sent without context takeover inflates by itself",
        "7.1.1: a message is smaller by what was sent before it, unless this end takes nothing over",
        "the terms of the answer hold, from the first frame behind it on",
        ...withPeers.client,
      ],
    },
  },
  {
    section: "7.1.1.2",
    level: "SHOULD",
    rule: "a client can be told client_no_context_takeover, asked for or not",
    who: "client",
    tests: { client: [RESPONSE, PEERS[2]] },
  },
  {
    section: "7.1.2",
    level: "MUST",
    rule: "a window is a decimal number from 8 to 15, without leading zeros",
    who: "endpoint",
    tests: {
      server: ["7.1.2: windows are 8 to 15 in plain digits, anything else declines the offer"],
      client: [
        "7.1.2: windows are 8 to 15 in plain digits, and what else came is shown at no length",
        "threat 05: an answer with an invalid window fails the handshake, not a frame",
      ],
    },
  },
  {
    section: "7.1.2.1",
    level: "MUST",
    rule: "server_max_window_bits is answered with the same or less, or the offer declined",
    who: "endpoint",
    tests: { server: [ACCEPTED, ANSWERED], client: [OFFERED, UNFIT, ANSWER] },
  },
  {
    section: "7.1.2.1",
    level: "MUST NOT",
    rule: "a server does not reach back further than the window that it agreed to",
    who: "server",
    tests: {
      server: [
        "threat 51: windows of 8 bits each way, against a zlib that is told 8 and uses 9",
        "reaches back exactly 2^windowBits bytes, and no further",
        ...withPeers.server,
      ],
    },
  },
  {
    section: "7.1.2.2",
    level: "MUST NOT",
    rule: "client_max_window_bits is in an answer only if it was in the offer, and is no larger",
    who: "endpoint",
    tests: {
      server: [
        "7.1.2.2: a client that cannot be told a limit is declined by a server that has one",
      ],
      client: [UNFIT, ANSWER],
    },
  },
  {
    section: "7.1.2.2",
    level: "MUST NOT",
    rule: "a client does not reach back further than the window that it was told, or announced",
    who: "client",
    tests: {
      client: [
        "threat 51: windows of 8 bits each way, against a zlib that is told 8 and uses 9",
        "reaches back exactly 2^windowBits bytes, and no further",
        RESPONSE,
        ...withPeers.client,
      ],
    },
  },
  {
    section: "7.1.2",
    level: "MUST",
    rule: "without an agreement on it the peer may use a window of 32 KiB",
    who: "endpoint",
    tests: both(
      "7.1.2: each side keeps to its own window",
      "* bits: a distance of * is kept, one more is refused",
      "terms hold for the right end: what this end may not do, the other may",
    ),
  },
];

const compression: Rule[] = [
  {
    section: "7.2.1",
    level: "MUST",
    rule: "a message is compressed with DEFLATE, any of its blocks, up to an empty stored one",
    who: "endpoint",
    tests: both(
      "returns the corpus at level * with each window, never larger than it must be",
      "7.2.1: what is sent without context takeover inflates by itself",
    ),
  },
  {
    section: "7.2.1",
    level: "MUST",
    rule: "its last four bytes, 00 00 FF FF, are taken off",
    who: "endpoint",
    tests: both(
      "returns RFC 7692's examples (sections 7.2.3.1, 7.2.3.2)",
      "7.2.1: what is sent without context takeover inflates by itself",
    ),
  },
  {
    section: "7.2.2",
    level: "MUST",
    rule: "00 00 FF FF is added to what came, and it is decompressed with DEFLATE",
    who: "endpoint",
    tests: both(
      "7.2.3.1, 7.2.3.2: the RFC's Hello, whole and in fragments, and again from its context",
      "7.2.2: a message that does not end where a block does is refused",
      "any bytes give what zlib returns, or 1007 where zlib refuses them",
    ),
  },
  {
    section: "7.2.2",
    level: "MUST",
    rule: "where the peer takes over its context, so does the end that decompresses",
    who: "endpoint",
    tests: both(
      "7.2.3.1, 7.2.3.2: the RFC's Hello, whole and in fragments, and again from its context",
      "a message that nothing reads is inflated nevertheless: the next one needs its context",
      CONTENT,
    ),
  },
  {
    section: "7.2.3.4",
    level: "MUST",
    rule: "blocks with BFINAL set are taken, and so is what follows them",
    who: "endpoint",
    tests: both(
      "7.2.3.4: a block with BFINAL set",
      "7.2.1: what follows a block with BFINAL set begins with the next byte, in the same window",
    ),
  },
  {
    section: "7.2.3.6",
    level: "MUST",
    rule: "an empty message is one byte, 00",
    who: "endpoint",
    tests: both(
      "7.2.3.6: a message of nothing is one byte, 00",
      "returns a single 00 for an empty message, first or later (section 7.2.3.6)",
      "7.2.3.6: an empty message",
    ),
  },
];

/** All rules of RFC 7692, in its order. */
export const rfc7692: readonly Rule[] = [
  ...negotiation,
  ...framing,
  ...parameters,
  ...compression,
];
