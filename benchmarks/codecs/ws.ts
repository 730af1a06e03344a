/** `ws` without its sockets: its Receiver and its Sender. */
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import type { Codec } from "./codec.ts";

interface Receiver {
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  write(chunk: Uint8Array): void;
}

interface Sender {
  send(
    data: string | Uint8Array,
    options: { binary: boolean; compress: boolean; fin: boolean; mask: boolean },
  ): void;
}

interface Socket {
  cork(): void;
  uncork(): void;
  write(bytes: string | Uint8Array): void;
}

// By path: the package exports neither, and Bun puts something of its own in place of `ws`.
const require = createRequire(import.meta.url);
const Receiver = require("../../node_modules/ws/lib/receiver.js") as new (
  options: { isServer: boolean; skipUTF8Validation: boolean; maxPayload: number },
) => Receiver;
const Sender = require("../../node_modules/ws/lib/sender.js") as new (socket: Socket) => Sender;

/** The Receiver and the Sender of `ws`. */
export const ws: Codec = {
  name: "ws",
  decoder(onMessage) {
    const receiver = new Receiver({
      isServer: true,
      skipUTF8Validation: false,
      maxPayload: 64 * 1024 * 1024,
    });
    receiver.on("message", (data, isBinary) => onMessage(isBinary ? data : data.toString()));
    receiver.on("error", (error) => {
      throw error;
    });
    return (chunk) => receiver.write(chunk);
  },
  encoder(message, { masked, batch, sink }) {
    const sender = new Sender({
      cork() {},
      uncork() {},
      // It leaves the encoding of a short string to the socket, which has to do it then.
      write: (bytes) => sink(typeof bytes === "string" ? Buffer.from(bytes) : bytes),
    });
    const binary = typeof message !== "string";
    const data = binary ? Buffer.from(message) : message;
    return () => {
      for (let index = 0; index < batch; index++) {
        sender.send(data, { binary, compress: false, fin: true, mask: masked });
      }
    };
  },
};
