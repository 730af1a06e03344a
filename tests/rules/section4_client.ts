/** RFC 6455 section 4.1: the client's request, and what it makes of the answer. */

import type { Rule } from "./rule.ts";

const REQUEST = "items 2 to 9: writes GET, HTTP/1.1, Host, Upgrade, Connection, key and version 13";
const FAILS = "4.1: an answer that breaks a rule fails the handshake and closes the connection";

/** The items of the request; a server judges the same by section 4.2.1. */
const request: Rule[] = [
  {
    section: "4.1 request",
    level: "MUST",
    rule: "once connected the client sends the handshake",
    who: "client",
    tests: { client: ["4.1: nothing leaves behind the request before its answer"] },
  },
  {
    section: "4.1 request 1",
    level: "MUST",
    rule: "it is a valid HTTP request",
    who: "client",
    tests: {
      client: ["writes what validateRequest accepts"],
      server: ["refuses each malformed request at its first bad byte, at every split"],
    },
  },
  {
    section: "4.1 request 2",
    level: "MUST",
    rule: "the method is GET, the version at least HTTP/1.1",
    who: "client",
    tests: {
      client: [REQUEST],
      server: ["4.2.1 item 1: the method must be GET, in this case; 405 with Allow otherwise"],
    },
  },
  {
    section: "4.1 request 3",
    level: "MUST",
    rule: "the target is the resource name, or an absolute URI that agrees with the URI",
    who: "client",
    tests: {
      client: [REQUEST, "item 2: the target is / and not empty where the URL has no path"],
      server: ["4.2.1 item 1: or an absolute URI of http, https, ws or wss"],
    },
  },
  {
    section: "4.1 request 4",
    level: "MUST",
    rule: "Host has the host, and the port unless it is the default one",
    who: "client",
    tests: {
      client: ["item 4: Host has the port unless it is the default one"],
      server: ["4.2.1 item 2: there must be one Host, and it must be a host"],
    },
  },
  {
    section: "4.1 request 5",
    level: "MUST",
    rule: 'Upgrade has "websocket"',
    who: "client",
    tests: {
      client: [REQUEST],
      server: [
        "4.2.1 item 3: Upgrade must have websocket, in any case, on any line; 426 otherwise",
      ],
    },
  },
  {
    section: "4.1 request 6",
    level: "MUST",
    rule: 'Connection has "Upgrade"',
    who: "client",
    tests: {
      client: [REQUEST],
      server: [
        "4.2.1 item 4: Connection must have Upgrade, in any case, on any line; 400 otherwise",
      ],
    },
  },
  {
    section: "4.1 request 7",
    level: "MUST",
    rule: "Sec-WebSocket-Key is there, 16 bytes in base64",
    who: "client",
    tests: {
      client: [REQUEST, "is 16 bytes in base64, a new one each time"],
      server: ["4.2.1 item 5: there must be one key, of 16 bytes in base64"],
    },
  },
  {
    section: "4.1 request 7",
    level: "MUST",
    rule: "the key is random, another one for each connection",
    who: "client",
    tests: {
      client: [
        "is 16 bytes in base64, a new one each time",
        "4.1: each connection sends a key of its own",
      ],
    },
  },
  {
    section: "4.1 request 8",
    level: "MUST",
    rule: "a browser's request has its page's Origin",
    who: "client",
    not: "in a browser the platform's WebSocket makes the request",
  },
  {
    section: "4.1 request 9",
    level: "MUST",
    rule: "Sec-WebSocket-Version is there, and is 13",
    who: "client",
    tests: {
      client: [REQUEST],
      server: ["4.2.1 item 6, 4.4: the version must be 13; 426 with the version to use otherwise"],
    },
  },
  {
    section: "4.1 request 10",
    level: "MUST",
    rule: "the subprotocols are tokens, not empty, none twice",
    who: "client",
    tests: {
      client: ["4.1 item 10: refuses what is not a token, and what comes twice"],
      server: ["4.1 item 10: refuses subprotocols that are no tokens, or come twice"],
    },
  },
];

/** What the client makes of the answer. */
const response: Rule[] = [
  {
    section: "4.1 response",
    level: "MUST",
    rule: "until the answer has come nothing more is sent",
    who: "client",
    tests: { client: ["4.1: nothing leaves behind the request before its answer"] },
  },
  {
    section: "4.1 response",
    level: "MUST",
    rule: "the answer is judged; a status other than 101 opens no WebSocket",
    who: "client",
    tests: {
      client: [
        "item 1: another status than 101 is no acceptance; the error has status and headers",
        FAILS,
      ],
    },
  },
  {
    section: "4.1 response 2",
    level: "MUST",
    rule: 'without an Upgrade of "websocket", in any case, the connection fails',
    who: "client",
    tests: {
      client: ["item 2: Upgrade must be websocket, in any case, and nothing else", FAILS],
    },
  },
  {
    section: "4.1 response 3",
    level: "MUST",
    rule: 'without a Connection that has "Upgrade", in any case, the connection fails',
    who: "client",
    tests: {
      client: ["item 3: Connection must have Upgrade, in any case, perhaps among others", FAILS],
    },
  },
  {
    section: "4.1 response 4",
    level: "MUST",
    rule: "without the Sec-WebSocket-Accept that answers the key the connection fails",
    who: "client",
    tests: { client: ["item 4: Accept must be there once, and answer the key", FAILS] },
  },
  {
    section: "4.1 response 5",
    level: "MUST",
    rule: "an extension that was not asked for fails the connection",
    who: "client",
    tests: { client: ["item 5: an extension that was not offered is refused", FAILS] },
  },
  {
    section: "4.1 response 6",
    level: "MUST",
    rule: "a subprotocol that was not asked for fails the connection",
    who: "client",
    tests: {
      client: ["item 6: a subprotocol that was not offered is refused; case counts", FAILS],
    },
  },
  {
    section: "4.1 response",
    level: "MUST",
    rule: "an answer that breaks any other rule for servers fails the connection",
    who: "client",
    tests: {
      client: [
        "refuses each malformed response at its first bad byte, with status 0, at every split",
        "11.3.4: more than one subprotocol, on one line or two, is refused",
        "refuses 101 in HTTP/1.0, which has no upgrade",
      ],
    },
  },
];

/** Section 4.1, from the request on. */
export const section4Client: Rule[] = [...request, ...response];
