import { openPair, own } from "./sockets.ts";
import { transportSuite } from "./suite.ts";

for (const kind of ["tcp", "tls", "unix"] as const) {
  transportSuite({
    name: `the runtime's own ${kind}`,
    halfClose: true,
    open: () => openPair(own, kind),
  });
}
