/** RFC 6455 sections 5.1 to 5.4: frames, masking, fragments. */

import { both, type Rule } from "./rule.ts";

const FAILS = "a violation: its code in a Close, then our end, then what comes is dropped";
const EACH_KEY = "5.3: a client takes a key for each frame, empty ones too; a server takes none";
const MASKS = "sends what fits of an error's text as the reason, and masks as its role must";
const ENCODES = "encodes messages, pings and one Close, and answers pings behind it (5.5.1, 5.5.2)";

const overview: Rule[] = [
  {
    section: "5.1",
    level: "MUST",
    rule: "a client masks every frame",
    who: "client",
    tests: {
      client: [EACH_KEY, MASKS, "5.1: a client masks all that it sends, a server nothing"],
      server: ["5.1: an unmasked frame of opcode * is an error (to a server)"],
    },
  },
  {
    section: "5.1",
    level: "MUST",
    rule: "a server that gets an unmasked frame closes the connection",
    who: "server",
    tests: {
      server: [
        "5.1: an unmasked frame of opcode * is an error (to a server)",
        "5.1: an empty unmasked frame is an error (to a server)",
        "5.1: a frame masked for the other role closes the connection with 1002",
      ],
    },
  },
  {
    section: "5.1",
    level: "MUST NOT",
    rule: "a server masks no frame",
    who: "server",
    tests: {
      server: [EACH_KEY, MASKS, "5.1: a client masks all that it sends, a server nothing"],
      client: ["5.1: a masked frame of opcode * is an error (to a client)"],
    },
  },
  {
    section: "5.1",
    level: "MUST",
    rule: "a client that gets a masked frame closes the connection",
    who: "client",
    tests: {
      client: [
        "5.1: a masked frame of opcode * is an error (to a client)",
        "5.1: an empty masked frame is an error (to a client)",
        "5.1: a frame masked for the other role closes the connection with 1002",
      ],
    },
  },
];

const framing: Rule[] = [
  {
    section: "5.2 RSV",
    level: "MUST",
    rule: "reserved bits are 0 unless an extension was agreed on that gives them a meaning",
    who: "endpoint",
    tests: both(ENCODES, "FIN is set and reserved bits are not, unless the frame says so"),
  },
  {
    section: "5.2 RSV",
    level: "MUST",
    rule: "a reserved bit that no agreed extension explains fails the connection",
    who: "endpoint",
    tests: both(
      "5.2: * on opcode * is an error that no extension allows (to a {role})",
      "5.2: RSV1 on a continuation is an error (to a {role})",
      "5.2: reserved bits that an extension claims are handed on, on the first frame of a message",
      "5.2: another bit than its own is an error",
      FAILS,
    ),
  },
  {
    section: "5.2 Opcode",
    level: "MUST",
    rule: "an opcode that is not known fails the connection",
    who: "endpoint",
    tests: both("5.2: opcode * is reserved, FIN * (to a {role})"),
  },
  {
    section: "5.2 Payload length",
    level: "MUST",
    rule: "the top bit of a 64-bit length is 0",
    who: "endpoint",
    tests: both("5.2: *: a 64-bit length's top bit must be 0 (to a {role})"),
  },
  {
    section: "5.2 Payload length",
    level: "MUST",
    rule: "a length takes the fewest bytes that can hold it",
    who: "endpoint",
    tests: both(
      "5.2: lengths take as few bytes as can hold them, at each boundary, for either role",
      "5.2: *: a 16-bit length below 126 is not minimal (to a {role})",
      "5.2: *: a 64-bit length below 65536 is not minimal (to a {role})",
    ),
  },
  {
    section: "5.2 Extension data",
    level: "MUST",
    rule: "an extension says how long its data is, or how that is found",
    who: "other",
    not: "binds who writes an extension's specification",
  },
  {
    section: "5.2 Extension data",
    level: "MUST",
    rule: "the use of an extension is agreed on in the opening handshake",
    who: "endpoint",
    tests: {
      server: ["4.2.2: extensions that are not spoken are not in the answer"],
      client: ["item 5: an extension that was not offered is refused"],
    },
  },
];

const masking: Rule[] = [
  {
    section: "5.3",
    level: "MUST",
    rule: "a masked frame has its mask bit set, and carries its key",
    who: "client",
    tests: { client: [EACH_KEY, "5.7: writes the RFC's examples"] },
  },
  {
    section: "5.3",
    level: "MUST",
    rule: "each frame is masked with a fresh key",
    who: "client",
    tests: { client: [EACH_KEY] },
  },
  {
    section: "5.3",
    level: "MUST",
    rule: "keys come from a strong source of entropy",
    who: "client",
    tests: {
      client: [
        "randomMask draws from crypto.getRandomValues, many keys at a time",
        "5.3: keys come from randomMask, unless told otherwise",
      ],
    },
  },
  {
    section: "5.3",
    level: "MUST NOT",
    rule: "a frame's key tells nothing about the next one's",
    who: "client",
    tests: {
      client: [
        "randomMask returns words of 32 bits, different ones each time",
        "randomMask draws from crypto.getRandomValues, many keys at a time",
      ],
    },
  },
];

const fragmentation: Rule[] = [
  {
    section: "5.4",
    level: "MUST",
    rule: "without an extension nobody relies on where frames begin and end",
    who: "endpoint",
    tests: both(
      "5.4: three fragments make one message (to a {role})",
      "8.1: a character split over fragments, with a ping inside it (to a {role})",
      "a message split at every byte arrives whole",
    ),
  },
  {
    section: "5.4",
    level: "MUST NOT",
    rule: "control frames are not fragmented",
    who: "endpoint",
    tests: both(
      "5.5: a * must not be fragmented (to a {role})",
      "5.5: a control frame in fragments or of 126 bytes is not encoded",
    ),
  },
  {
    section: "5.4",
    level: "MUST",
    rule: "fragments arrive in the order in which they were sent",
    who: "endpoint",
    tests: both(
      "5.4: three fragments make one message (to a {role})",
      "5.4: fragments leave in order, and the next message behind the last of them",
    ),
  },
  {
    section: "5.4",
    level: "MUST NOT",
    rule: "fragments of two messages are not mixed",
    who: "endpoint",
    tests: both(
      "5.4: a frame * must not stand inside a fragmented message (to a {role})",
      "5.4: fragments leave in order, and the next message behind the last of them",
    ),
  },
  {
    section: "5.4",
    level: "MUST",
    rule: "control frames amid a fragmented message are handled",
    who: "endpoint",
    tests: both(
      "5.4: control frames may stand between fragments (to a {role})",
      "5.5.1: a Close may stand inside a message (to a {role})",
      "5.4: a ping between fragments is answered before the message is complete",
    ),
  },
  {
    section: "5.4",
    level: "MUST",
    rule: "messages are received whole and in fragments",
    who: "endpoint",
    tests: both(
      "5.6: text of * bytes (to a {role})",
      "5.4: three fragments make one message (to a {role})",
      "5.4: two fragmented messages in a row (to a {role})",
    ),
  },
  {
    section: "5.4",
    level: "MUST NOT",
    rule: "an intermediary leaves control frames whole",
    who: "other",
    not: "binds intermediaries",
  },
  {
    section: "5.4",
    level: "MUST NOT",
    rule: "an intermediary changes no fragments under reserved bits that it does not know",
    who: "other",
    not: "binds intermediaries",
  },
  {
    section: "5.4",
    level: "MUST NOT",
    rule: "an intermediary changes no fragments under extensions, or a handshake, unknown to it",
    who: "other",
    not: "binds intermediaries",
  },
  {
    section: "5.4",
    level: "MUST",
    rule: "the fragments of a message have one type, text or binary, which the first one sets",
    who: "endpoint",
    tests: both(
      "5.4: two fragmented messages in a row (to a {role})",
      "5.4: a continuation needs a message to continue (to a {role})",
      "5.4: fragments leave in order, and the next message behind the last of them",
    ),
  },
];

/** Sections 5.1 to 5.4. */
export const section5Frames: Rule[] = [...overview, ...framing, ...masking, ...fragmentation];
