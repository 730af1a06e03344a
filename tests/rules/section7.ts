/** RFC 6455 sections 7 and 8: closing, codes, errors in UTF-8. */

import { both, type Rule } from "./rule.ts";

const FAILS = "a violation: its code in a Close, then our end, then what comes is dropped";
const REFUSES = "4.1: an answer that breaks a rule fails the handshake and closes the connection";
const ANSWERED = "4.2.1: a handshake that breaks a rule is answered with its status, and is over";
const SERVER_FIRST = "a server, as soon as both Close frames have passed";
const CLIENT_WAITS = "a client waits for the server's end";

const definitions: Rule[] = [
  {
    section: "7.1.1",
    level: "SHOULD",
    rule: "TCP is closed cleanly, and bytes behind the end are thrown away",
    who: "endpoint",
    tests: both(
      "by the peer: answered once with the same code, and clean",
      "bytes after the peer's Close are dropped",
      "7.1.1: what stands behind the peer's Close changes nothing, lawful or not",
    ),
  },
  {
    section: "7.1.1",
    level: "SHOULD",
    rule: "the server is the first to close TCP",
    who: "endpoint",
    tests: { server: [SERVER_FIRST], client: [CLIENT_WAITS] },
  },
  {
    section: "7.1.1",
    level: "SHOULD",
    rule: "a server told to close closes TCP at once",
    who: "server",
    tests: { server: [SERVER_FIRST] },
  },
  {
    section: "7.1.1",
    level: "SHOULD",
    rule: "a client told to close waits for the server to close TCP",
    who: "client",
    tests: { client: [CLIENT_WAITS] },
  },
  {
    section: "7.1.2",
    level: "MUST",
    rule: "the closing handshake begins with a Close of the code and reason given",
    who: "endpoint",
    tests: both(
      "by us: Close, the peer's Close, the end; clean, ours the initiative",
      "every lawful code passes, both ways",
    ),
  },
  {
    section: "7.1.2",
    level: "SHOULD",
    rule: "once a Close was sent and one received, the connection is closed",
    who: "endpoint",
    tests: both(
      "by us: Close, the peer's Close, the end; clean, ours the initiative",
      "by the peer: answered once with the same code, and clean",
    ),
  },
  {
    section: "7.1.7",
    level: "MUST",
    rule: "a client that fails the connection closes it",
    who: "client",
    tests: { client: [FAILS, REFUSES] },
  },
  {
    section: "7.1.7",
    level: "MUST",
    rule: "a server that fails the connection closes it",
    who: "server",
    tests: { server: [FAILS, ANSWERED] },
  },
  {
    section: "7.1.7",
    level: "SHOULD",
    rule: "a server that fails the connection logs why: the owner is told",
    who: "server",
    tests: { server: [FAILS, "7.1.7: the server's owner is notified of a refused handshake"] },
  },
  {
    section: "7.1.7",
    level: "SHOULD",
    rule: "to fail an open connection begins with a Close of a fitting code",
    who: "endpoint",
    tests: both(
      FAILS,
      "1007 for bad text and 1009 for size reach the peer",
      "closes with 1007 for bad text, 1009 for size, 1008 for fragments",
    ),
  },
  {
    section: "7.1.7",
    level: "MUST NOT",
    rule: "nothing that comes is processed once the connection has failed, a Close neither",
    who: "endpoint",
    tests: both(
      FAILS,
      "5.4: nothing after a violation is delivered (to a {role})",
      "7.1.7: after a violation neither a ping nor a Close of the peer's is taken",
      "after a violation every call throws the same error, and nothing is handed on",
    ),
  },
  {
    section: "7.1.7",
    level: "SHOULD NOT",
    rule: "a client does not close the connection for other reasons than these, or its user's",
    who: "client",
    tests: {
      client: [
        "leaving the loop does not close, and another goes on where it left",
        "pings every pingInterval, and stays open while they are answered",
      ],
    },
  },
];

const abnormal: Rule[] = [
  {
    section: "7.2.1",
    level: "MUST",
    rule: "what fails a client's handshake fails the connection",
    who: "client",
    tests: { client: [REFUSES] },
  },
  {
    section: "7.2.1",
    level: "MUST",
    rule: "a client that loses its transport fails the connection",
    who: "client",
    tests: {
      client: [
        "a reset: 1006 with the transport's error, and no more can be sent",
        "the peer's end without a Close: 1006, and nothing waits",
        "7.2.1: a transport lost before the answer fails the handshake",
      ],
    },
  },
  {
    section: "7.2.1",
    level: "SHOULD NOT",
    rule: "a client does not close the connection for other reasons than these, or its user's",
    who: "client",
    tests: {
      client: ["leaving the loop does not close, and another goes on where it left"],
    },
  },
  {
    section: "7.2.2",
    level: "MUST",
    rule: "a server that aborts the handshake closes the connection",
    who: "server",
    tests: { server: [ANSWERED] },
  },
  {
    section: "7.2.3",
    level: "SHOULD",
    rule: "clients that reconnect after an abnormal end back off",
    who: "client",
    not: "the application's business: the library does not reconnect",
  },
  {
    section: "7.2.3",
    level: "SHOULD",
    rule: "the first attempt to reconnect comes after a random time",
    who: "client",
    not: "the application's business: the library does not reconnect",
  },
  {
    section: "7.2.3",
    level: "SHOULD",
    rule: "further attempts to reconnect come after longer and longer times",
    who: "client",
    not: "the application's business: the library does not reconnect",
  },
  {
    section: "7.3",
    level: "SHOULD NOT",
    rule: "clients do not close arbitrarily",
    who: "client",
    tests: {
      client: ["leaving the loop does not close, and another goes on where it left"],
    },
  },
];

/** A code that is for telling, and never for a Close. */
function neverSent(code: number): Rule {
  return {
    section: "7.4.1",
    level: "MUST NOT",
    rule: `${code} stands in no Close`,
    who: "endpoint",
    tests: both(
      `7.4: code ${code} must not be sent (to a {role})`,
      code === 1005
        ? "by us without a code: an empty Close"
        : "an unlawful code from the caller is a RangeError naming it, and nothing happens",
    ),
  };
}

const codes: Rule[] = [
  neverSent(1005),
  neverSent(1006),
  neverSent(1015),
  {
    section: "7.4.1",
    level: "SHOULD",
    rule: "the reason of a 1010 lists the extensions that are missing",
    who: "client",
    not: "the library requires no extension, so it never sends 1010",
  },
];

const utf8: Rule[] = [
  {
    section: "8.1",
    level: "MUST",
    rule: "what is to be UTF-8 and is not fails the connection",
    who: "endpoint",
    tests: both(
      "8.1: *: text must not end inside a character (to a {role})",
      "8.1: ^80: a continuation byte with no lead (to a {role})",
      "8.1: *: an overlong form (to a {role})",
      "8.1: *: a surrogate (to a {role})",
      "8.1: *: above U+10FFFF (to a {role})",
      "5.5.1: *: a reason must be UTF-8 (to a {role})",
      "1007 for bad text and 1009 for size reach the peer",
    ),
  },
  {
    section: "8.1",
    level: "MUST",
    rule: "this holds in the opening handshake as well",
    who: "endpoint",
    tests: {
      server: ["4.1 item 10: refuses subprotocols that are no tokens, or come twice"],
      client: ["threat 20: bytes 0x80 to 0xFF in the response's lists fail the handshake"],
    },
  },
];

/** Sections 7 and 8. */
export const section7: Rule[] = [...definitions, ...abnormal, ...codes, ...utf8];
