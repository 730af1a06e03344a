/** `websocket-driver`, which is a codec without a socket from the start. */
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import type { Codec } from "./codec.ts";

interface Driver {
  io: { on(event: "data", listener: (bytes: Uint8Array) => void): void };
  messages: { on(event: "data", listener: (message: string | Uint8Array) => void): void };
  start(): boolean;
  parse(chunk: Uint8Array): void;
  text(message: string): boolean;
  binary(message: Uint8Array): boolean;
}

interface WebSocketDriver {
  http(request: unknown, options: { masking: boolean; requireMasking: boolean }): Driver;
}

const require = createRequire(import.meta.url);
const { http } = require("websocket-driver") as WebSocketDriver;

/** A server's driver, its handshake done. */
function open(masking: boolean): Driver {
  const request = {
    method: "GET",
    url: "/",
    connection: {},
    headers: {
      host: "localhost",
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
    },
  };
  const driver = http(request, { masking, requireMasking: true });
  driver.start();
  return driver;
}

/** The driver of `websocket-driver`. */
export const websocketDriver: Codec = {
  name: "websocket-driver",
  decoder(onMessage) {
    const driver = open(false);
    driver.messages.on("data", onMessage);
    return (chunk) => driver.parse(chunk);
  },
  encoder(message, { masked, batch, sink }) {
    const driver = open(masked);
    driver.io.on("data", sink);
    const data = typeof message === "string" ? message : Buffer.from(message);
    return () => {
      for (let index = 0; index < batch; index++) {
        if (typeof data === "string") driver.text(data);
        else driver.binary(data);
      }
    };
  },
};
