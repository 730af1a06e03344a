import { nodeNet, openPair } from "./sockets.ts";
import { transportSuite } from "./suite.ts";

// On Node the runtime's own sockets are these, and own_sockets_test.ts has run them.
const onDeno = "Deno" in globalThis;
const onBun = "Bun" in globalThis;

if (onDeno || onBun) {
  for (const kind of ["tcp", "tls", "unix"] as const) {
    transportSuite({
      name: `node:net's ${kind}`,
      halfClose: true,
      open: () => openPair(nodeNet, kind),
    });
  }
}
