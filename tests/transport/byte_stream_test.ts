import { fromByteStreamPair } from "../../lib/transport/byte_stream.ts";
import { transportSuite } from "./suite.ts";

transportSuite({
  name: "byte streams",
  halfClose: true,
  open() {
    const there = new TransformStream<Uint8Array, Uint8Array>();
    const back = new TransformStream<Uint8Array, Uint8Array>();
    return Promise.resolve({
      client: fromByteStreamPair({ readable: back.readable, writable: there.writable }),
      server: fromByteStreamPair({ readable: there.readable, writable: back.writable }),
      dispose() {},
    });
  },
});
