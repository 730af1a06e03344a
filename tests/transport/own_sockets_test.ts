import { openPair, own } from "./sockets.ts";
import { transportSuite } from "./suite.ts";

const onDeno = "Deno" in globalThis;

for (const kind of ["tcp", "tls", "unix"] as const) {
  transportSuite({
    name: `the runtime's own ${kind}`,
    halfClose: !(onDeno && kind === "tls"),
    open: () => openPair(own, kind),
  });
}
