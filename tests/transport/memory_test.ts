import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { transportSuite } from "./suite.ts";

for (const copiesOnWrite of [false, true]) {
  transportSuite({
    name: copiesOnWrite ? "memory that copies" : "memory",
    halfClose: true,
    open: () => Promise.resolve({ ...memoryTransportPair({ copiesOnWrite }), dispose() {} }),
  });
}
