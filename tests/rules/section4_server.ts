/** RFC 6455 sections 4.2 to 4.4: the opening handshake as the server answers it. */

import type { Rule } from "./rule.ts";

const ANSWERED = "4.2.1: a handshake that breaks a rule is answered with its status, and is over";
const ACCEPTS = "writes status 101, Upgrade, Connection and the answer to the key";

/** Section 4.2.1. */
const reading: Rule[] = [
  {
    section: "4.2.1",
    level: "MUST",
    rule: "a handshake that is not as described is answered with an HTTP error and read no further",
    who: "server",
    tests: {
      server: [ANSWERED, "refuses each malformed request at its first bad byte, at every split"],
    },
  },
  {
    section: "4.2.1 item 1",
    level: "MUST",
    rule: "it is a GET request of HTTP/1.1 or higher, for a resource name",
    who: "server",
    tests: {
      server: [
        "4.2.1 item 1: the method must be GET, in this case; 405 with Allow otherwise",
        "4.2.1 item 1: the target is a resource name",
        "3: a resource name has no fragment",
        ANSWERED,
      ],
    },
  },
  {
    section: "4.2.1 item 2",
    level: "MUST",
    rule: "it has a Host with the server's authority",
    who: "server",
    tests: {
      server: [
        "4.2.1 item 2: there must be one Host, and it must be a host",
        "refuses hosts it does not answer to with 403",
      ],
    },
  },
  {
    section: "4.2.1 item 3",
    level: "MUST",
    rule: 'it has an Upgrade with "websocket", in any case',
    who: "server",
    tests: {
      server: [
        "4.2.1 item 3: Upgrade must have websocket, in any case, on any line; 426 otherwise",
      ],
    },
  },
  {
    section: "4.2.1 item 4",
    level: "MUST",
    rule: 'it has a Connection with "Upgrade", in any case',
    who: "server",
    tests: {
      server: [
        "4.2.1 item 4: Connection must have Upgrade, in any case, on any line; 400 otherwise",
      ],
    },
  },
  {
    section: "4.2.1 item 5",
    level: "MUST",
    rule: "it has a Sec-WebSocket-Key of 16 bytes in base64",
    who: "server",
    tests: {
      server: [
        "4.2.1 item 5: there must be one key, of 16 bytes in base64",
        "is refused if it is no base64, or of 15 or 17 bytes",
      ],
    },
  },
  {
    section: "4.2.1 item 6",
    level: "MUST",
    rule: "its Sec-WebSocket-Version is 13",
    who: "server",
    tests: {
      server: ["4.2.1 item 6, 4.4: the version must be 13; 426 with the version to use otherwise"],
    },
  },
  {
    section: "4.2.1 item 7",
    level: "SHOULD NOT",
    rule: "a request without Origin is not taken for a browser's",
    who: "server",
    tests: { server: ["accepts a request with no Origin: no browser"] },
  },
];

/** Section 4.2.2. */
const sending: Rule[] = [
  {
    section: "4.2.2 item 1",
    level: "MUST",
    rule: "on a TLS port everything after the TLS handshake runs through TLS",
    who: "server",
    tests: {
      server: [
        "*: messages of all sizes, pings and fragments pass",
        "a plain client at a TLS port ends in close(error) and nothing else",
      ],
    },
  },
  {
    section: "4.2.2 item 4 /origin/",
    level: "MUST",
    rule: "an origin that is not wanted gets an HTTP error (403), and no WebSocket",
    who: "server",
    tests: {
      server: ["refuses another host's origin with 403, or accepts it as told", ANSWERED],
    },
  },
  {
    section: "4.2.2 item 4 /version/",
    level: "MUST",
    rule: "another version gets an HTTP error (426) with the version that is understood",
    who: "server",
    tests: {
      server: [
        "4.2.1 item 6, 4.4: the version must be 13; 426 with the version to use otherwise",
        ANSWERED,
      ],
    },
  },
  {
    section: "4.2.2 item 4 /resource name/",
    level: "MUST",
    rule: "a service that is not available gets an HTTP error (404), and no WebSocket",
    who: "server",
    tests: {
      server: ["4.2.2: a Response of the hook's is the answer, and no WebSocket opens"],
    },
  },
  {
    section: "4.2.2 item 4 /subprotocol/",
    level: "MUST",
    rule: "the subprotocol is one of those that the client asked for",
    who: "server",
    tests: {
      server: [
        "returns the first of ours that the client offers",
        "refuses a hook's choice that the client does not offer",
        "4.2.2: the answer has the subprotocol agreed on, or no such line",
      ],
    },
  },
  {
    section: "4.2.2 item 4 /subprotocol/",
    level: "MUST NOT",
    rule: "without agreement there is no Sec-WebSocket-Protocol in the answer",
    who: "server",
    tests: {
      server: [
        "returns the empty string where nothing is in common, supported or offered",
        "writes no empty Sec-WebSocket-Protocol or -Extensions",
        "4.2.2: the answer has the subprotocol agreed on, or no such line",
      ],
    },
  },
  {
    section: "4.2.2 item 4 /extensions/",
    level: "MUST",
    rule: "extensions in the answer are chosen from those that the client asked for",
    who: "server",
    tests: { server: ["4.2.2: extensions that are not spoken are not in the answer"] },
  },
  {
    section: "4.2.2 item 4 /extensions/",
    level: "MUST NOT",
    rule: "no extension is in the answer that the client did not list",
    who: "server",
    tests: {
      server: ["4.2.2: extensions that are not spoken are not in the answer"],
      client: ["item 5: an extension that was not offered is refused"],
    },
  },
  {
    section: "4.2.2 item 5",
    level: "MUST",
    rule: "to accept is a valid HTTP response with status 101",
    who: "server",
    tests: { server: [ACCEPTS, "accepts what acceptHead writes"] },
  },
  {
    section: "4.2.2 item 5.2",
    level: "MUST",
    rule: 'it has an Upgrade of "websocket"',
    who: "server",
    tests: { server: [ACCEPTS] },
  },
  {
    section: "4.2.2 item 5.3",
    level: "MUST",
    rule: 'it has a Connection of "Upgrade"',
    who: "server",
    tests: { server: [ACCEPTS] },
  },
  {
    section: "4.2.2 item 5.4",
    level: "MUST",
    rule: "its Sec-WebSocket-Accept is the SHA-1 of key and GUID in base64",
    who: "server",
    tests: {
      server: [ACCEPTS, "is that of the RFC's example"],
      client: ["item 4: Accept must be there once, and answer the key"],
    },
  },
];

/** Sections 4.3 and 4.4. */
const grammarAndVersions: Rule[] = [
  {
    section: "4.3",
    level: "MUST",
    rule: "the value of an extension's parameter, once unquoted, is a token",
    who: "endpoint",
    tests: {
      server: [
        "unescapes a quoted value, which must be a token then",
        ANSWERED,
      ],
      client: [
        "unescapes a quoted value, which must be a token then",
        "4.1: an answer that breaks a rule fails the handshake and closes the connection",
      ],
    },
  },
  {
    section: "4.4",
    level: "MUST",
    rule: "the answer to another version lists all versions that may be used",
    who: "server",
    tests: {
      server: ["4.2.1 item 6, 4.4: the version must be 13; 426 with the version to use otherwise"],
    },
  },
];

/** Sections 4.2 to 4.4. */
export const section4Server: Rule[] = [...reading, ...sending, ...grammarAndVersions];
