/**
 * Each MUST and MUST NOT of RFC 8441 that binds who uses an HTTP/2 session, in words of our own, with
 * the names of the tests that fail when it is broken. What binds the session itself is `node:http2`'s.
 */

import type { Rule } from "./rule.ts";

const REQUEST = "5: it is what validateConnect accepts, with no field that HTTP/2 does not have";
const TARGET = "5: the scheme is https for wss and http for ws, the rest is the URL's";
const SENT = "sends what RFC 8441 section 5 asks for, and the caller's headers";

/** All rules of RFC 8441, in its order. */
export const rfc8441: readonly Rule[] = [
  {
    section: "3",
    level: "MUST",
    rule: "SETTINGS_ENABLE_CONNECT_PROTOCOL is 0 or 1",
    who: "other",
    not: "the settings are those of the session, which is node:http2's and the user's",
  },
  {
    section: "3",
    level: "MUST NOT",
    rule: "it is not set to 0 again after it was 1",
    who: "other",
    not: "the settings are those of the session, which is node:http2's and the user's",
  },
  {
    section: "3",
    level: "MUST",
    rule: "extended CONNECT is used only once the setting has come with the value 1",
    who: "client",
    tests: {
      client: [
        "a server that has not allowed it is told apart, and its session lives",
        "opens many at once on one session, before that is connected",
      ],
    },
  },
  {
    section: "4",
    level: "MUST",
    rule: "a request with :protocol has :scheme and :path of the target as well",
    who: "endpoint",
    tests: {
      client: [TARGET, SENT],
      server: [
        "5: the :scheme is https or http, and is that of the URL",
        "4: the :path is there, and is a path and a query",
      ],
    },
  },
  {
    section: "4",
    level: "MUST NOT",
    rule: "no tunnel is made to the host that :authority names",
    who: "server",
    tests: {
      server: ["4: a CONNECT without :protocol makes no tunnel to the authority: 501"],
    },
  },
  {
    section: "5",
    level: "MUST",
    rule: "the method is CONNECT and the :protocol websocket",
    who: "endpoint",
    tests: {
      client: [TARGET, SENT],
      server: [
        "4: the method is CONNECT, 405 with Allow otherwise",
        "5: the :protocol is websocket, 501 otherwise (RFC 9220 section 3)",
        "threat 48: another version, method or protocol gets no 200",
      ],
    },
  },
  {
    section: "5",
    level: "MUST",
    rule: "the scheme is https for wss, and http for ws",
    who: "client",
    tests: {
      client: [
        TARGET,
        "an option that belongs to the session is a TypeError, as is wss without TLS",
      ],
    },
  },
  {
    section: "5",
    level: "MUST NOT",
    rule: "there is no Connection and no Upgrade",
    who: "endpoint",
    tests: {
      client: [REQUEST, SENT],
      server: ["5: Connection, Upgrade and what else is a connection's are refused"],
    },
  },
  {
    section: "5",
    level: "MUST",
    rule: "the host is told by :authority, which is always there",
    who: "endpoint",
    tests: {
      client: [REQUEST, TARGET],
      server: ["5: the :authority is there, and is a host; threat 19: whatever it has"],
    },
  },
  {
    section: "5",
    level: "MUST NOT",
    rule: "Sec-WebSocket-Key and Sec-WebSocket-Accept are not processed",
    who: "endpoint",
    tests: {
      client: [
        REQUEST,
        "5.1: 200 accepts, without Upgrade, Connection or an answer to a key",
      ],
      server: ["5: the key is not processed, whatever it is"],
    },
  },
  {
    section: "5",
    level: "MUST",
    rule: "Origin, version, subprotocols and extensions are used as in RFC 6455",
    who: "endpoint",
    tests: {
      client: ["subprotocol and extensions are checked as in HTTP/1.1", REQUEST],
      server: [
        "5: subprotocols and extensions are checked as in HTTP/1.1",
        "5: the version is 13; the answer to another names it, and asks for no upgrade",
        "threat 46: an origin of another host is refused, as is a host that is not ours",
      ],
    },
  },
  {
    section: "5",
    level: "MUST",
    rule: "names of header fields are in lower case",
    who: "endpoint",
    tests: {
      client: [SENT],
      server: ["5.1: 200 accepts, with what was agreed and the caller's headers, in lower case"],
    },
  },
  {
    section: "5",
    level: "MUST",
    rule: "an orderly end of the connection is END_STREAM",
    who: "endpoint",
    tests: {
      client: ["the server's Close is answered, and its END_STREAM too"],
      server: [
        "5: a Close each way, and then the stream ends in order",
        "END_STREAM by the peer without a Close is 1006 with an error",
      ],
    },
  },
  {
    section: "5",
    level: "MUST",
    rule: "a reset of the connection is RST_STREAM with CANCEL",
    who: "endpoint",
    tests: {
      client: [
        "handshakeTimeout and the signal give up, and reset the stream",
        "terminate resets its stream, and no other",
      ],
      server: [
        "5: terminate is RST_STREAM with CANCEL",
        "RST_STREAM by the peer is 1006 with an error",
      ],
    },
  },
];
