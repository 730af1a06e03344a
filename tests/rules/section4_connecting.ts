/** RFC 6455 section 4.1: how the client opens the connection below the handshake. */

import type { Rule } from "./rule.ts";

/** Section 4.1, up to the request. */
export const section4Connecting: Rule[] = [
  {
    section: "4.1",
    level: "MUST",
    rule: "the client opens a connection, sends the handshake and reads the answer",
    who: "client",
    tests: { client: ["*: messages of all sizes, pings and fragments pass"] },
  },
  {
    section: "4.1 connecting 1",
    level: "MUST",
    rule: "the parts of the URI are valid by section 3; else the attempt fails",
    who: "client",
    tests: {
      client: [
        "refuses what is no absolute URL, or has another scheme",
        "3: refuses a fragment, an empty one too",
      ],
    },
  },
  {
    section: "4.1 connecting 2",
    level: "MUST",
    rule: "one connection at a time is being opened to an IP address; others wait for it",
    who: "client",
    not:
      "not kept: it guards servers against the scripts of pages, and browsers keep it for them; " +
      "a program opens what its author wrote, and one slow server would hold up its other connections",
  },
  {
    section: "4.1 connecting 2",
    level: "MUST",
    rule: "where the IP address is not known, each host name counts as another host",
    who: "client",
    not: "not kept, as the rule about IP addresses is not",
  },
  {
    section: "4.1 connecting 2",
    level: "SHOULD",
    rule: "where the IP address is not known, there are few pending connections in all",
    who: "client",
    not: "not kept, as the rule about IP addresses is not",
  },
  {
    section: "4.1 connecting 3",
    level: "SHOULD",
    rule: "with a proxy configured, the client asks it for a TCP connection to the host",
    who: "client",
    not: "there is no option for a proxy",
  },
  {
    section: "4.1 connecting 3",
    level: "SHOULD",
    rule: "without a proxy, the client opens TCP to the host and port itself",
    who: "client",
    tests: { client: ["*: messages of all sizes, pings and fragments pass"] },
  },
  {
    section: "4.1 connecting 3",
    level: "MUST",
    rule: "the URI for a proxy's configuration script is made as section 3 says",
    who: "client",
    not: "a browser's business: no such script is run",
  },
  {
    section: "4.1 connecting 4",
    level: "MUST",
    rule: "a connection that cannot be opened fails the attempt",
    who: "client",
    tests: { client: ["connect to a closed port is refused"] },
  },
  {
    section: "4.1 connecting 5",
    level: "MUST",
    rule: "for wss a TLS handshake comes before any data",
    who: "client",
    tests: { client: ["4.1: wss begins with a TLS handshake that names the server"] },
  },
  {
    section: "4.1 connecting 5",
    level: "MUST",
    rule: "a TLS handshake that fails, as for a certificate not verified, fails the attempt",
    who: "client",
    tests: {
      client: [
        "a certificate of an unknown authority is rejected",
        "a certificate for another name is rejected",
      ],
    },
  },
  {
    section: "4.1 connecting 5",
    level: "MUST",
    rule: "everything after the TLS handshake runs through TLS",
    who: "client",
    tests: { client: ["*: messages of all sizes, pings and fragments pass"] },
  },
  {
    section: "4.1 connecting 5",
    level: "MUST",
    rule: "the TLS handshake names the server (SNI)",
    who: "client",
    tests: { client: ["4.1: wss begins with a TLS handshake that names the server"] },
  },
];
