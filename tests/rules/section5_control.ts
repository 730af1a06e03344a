/** RFC 6455 sections 5.5 to 5.8: control frames, text, extensions. */

import { both, type Rule } from "./rule.ts";

const control: Rule[] = [
  {
    section: "5.5",
    level: "MUST",
    rule: "a control frame has at most 125 bytes of payload",
    who: "endpoint",
    tests: both(
      "5.5: a * of 126 bytes is too long (to a {role})",
      "5.5: a control frame in fragments or of 126 bytes is not encoded",
      "5.5: pings of 125 bytes leave, of 126 bytes do not",
    ),
  },
  {
    section: "5.5",
    level: "MUST NOT",
    rule: "a control frame is not fragmented",
    who: "endpoint",
    tests: both(
      "5.5: a * must not be fragmented (to a {role})",
      "5.5: a control frame in fragments or of 126 bytes is not encoded",
    ),
  },
];

const close: Rule[] = [
  {
    section: "5.5.1",
    level: "MUST",
    rule: "the body of a Close, if there is one, begins with a code of two bytes, the higher first",
    who: "endpoint",
    tests: both(
      "5.5.1: a Close of one byte is an error (to a {role})",
      "5.5.1: a Close may have a reason (to a {role})",
      "every lawful code passes, both ways",
    ),
  },
  {
    section: "5.5.1",
    level: "MUST NOT",
    rule: "a client does not show the reason to its end users",
    who: "client",
    not: "the application's business: the library shows nothing to anybody",
  },
  {
    section: "5.5.1",
    level: "MUST",
    rule: "a client masks its Close",
    who: "client",
    tests: {
      client: [
        "sends what fits of an error's text as the reason, and masks as its role must",
        "5.1: a client masks all that it sends, a server nothing",
      ],
      server: ["5.1: an unmasked frame of opcode * is an error (to a server)"],
    },
  },
  {
    section: "5.5.1",
    level: "MUST NOT",
    rule: "no data leaves behind a Close",
    who: "endpoint",
    tests: both("nothing but pongs leaves after a Close: no ping, no message, no second Close"),
  },
  {
    section: "5.5.1",
    level: "MUST",
    rule: "a Close is answered with a Close, unless one was sent before",
    who: "endpoint",
    tests: both(
      "by the peer: answered once with the same code, and clean",
      "answers a Close with its code, once, and drops what follows (5.5.1)",
      "does not answer a Close that answers its own",
    ),
  },
  {
    section: "5.5.1",
    level: "SHOULD",
    rule: "the answer to a Close leaves as soon as it can",
    who: "endpoint",
    tests: both(
      "all that handlers send during one pass leaves in one write, pongs too; a Close follows",
    ),
  },
  {
    section: "5.5.1",
    level: "MUST",
    rule: "once a Close was sent and one received, TCP is closed",
    who: "endpoint",
    tests: both(
      "by us: Close, the peer's Close, the end; clean, ours the initiative",
      "by the peer: answered once with the same code, and clean",
    ),
  },
  {
    section: "5.5.1",
    level: "MUST",
    rule: "the server closes TCP at once then",
    who: "server",
    tests: { server: ["a server, as soon as both Close frames have passed"] },
  },
  {
    section: "5.5.1",
    level: "SHOULD",
    rule: "the client waits for the server to close TCP",
    who: "client",
    tests: { client: ["a client waits for the server's end"] },
  },
  {
    section: "5.5.1",
    level: "SHOULD",
    rule: "two Close frames sent at the same time close the connection as well",
    who: "endpoint",
    tests: both("by both at once: one Close each"),
  },
];

const pingPong: Rule[] = [
  {
    section: "5.5.2",
    level: "MUST",
    rule: "a ping is answered with a pong, unless a Close was received",
    who: "endpoint",
    tests: both(
      "delivers messages, answers pings, passes pongs on",
      "5.4: a ping between fragments is answered before the message is complete",
    ),
  },
  {
    section: "5.5.2",
    level: "SHOULD",
    rule: "the pong leaves as soon as it can",
    who: "endpoint",
    tests: both(
      "all that handlers send during one pass leaves in one write, pongs too; a Close follows",
    ),
  },
  {
    section: "5.5.3",
    level: "MUST",
    rule: "a pong carries the very data of its ping",
    who: "endpoint",
    tests: both(
      "delivers messages, answers pings, passes pongs on",
      "5.5.3: a pong has the data of its ping, whatever bytes they are",
    ),
  },
];

const data: Rule[] = [
  {
    section: "5.6",
    level: "MUST",
    rule: "a text message, taken as a whole, is UTF-8",
    who: "endpoint",
    tests: both(
      "8.1: *: text must not end inside a character (to a {role})",
      "8.1: a character split over fragments, with a ping inside it (to a {role})",
      "5.6: text of any width is UTF-8, behind a header that fits its bytes",
      "a lone surrogate becomes U+FFFD, short text or long, also where the buffer ends",
    ),
  },
  {
    section: "5.8",
    level: "MUST",
    rule: "extensions are agreed on in the opening handshake",
    who: "endpoint",
    tests: {
      client: [
        "item 5: an extension that was not offered is refused",
        "5.2: RSV1 on a continuation is an error (to a client)",
      ],
      server: [
        "4.2.2: extensions that are not spoken are not in the answer",
        "5.2: RSV1 on a continuation is an error (to a server)",
      ],
    },
  },
];

/** Sections 5.5 to 5.8. */
export const section5Control: Rule[] = [...control, ...close, ...pingPong, ...data];
