/** This library's codec, put together as its connections do it. */
import { FrameDecoder } from "../../lib/frame/decoder.ts";
import { FrameEncoder } from "../../lib/frame/encoder.ts";
import { MessageDecoder } from "../../lib/message/decoder.ts";
import { MessageEncoder } from "../../lib/message/encoder.ts";
import type { Codec } from "./codec.ts";

/** The decoders and encoders of `lib/frame` and `lib/message`. */
export const sluice: Codec = {
  name: "sluice",
  decoder(onMessage) {
    const ignore = (): void => {};
    const sink = { onMessage: onMessage, onPing: ignore, onPong: ignore, onClose: ignore };
    const decoder = new FrameDecoder({ role: "server" }, new MessageDecoder({}, sink));
    return (chunk) => decoder.decode(chunk);
  },
  encoder(message, { masked, batch, sink }) {
    const frames = new FrameEncoder({ role: masked ? "client" : "server" });
    const encoder = new MessageEncoder(frames);
    return () => {
      for (let index = 0; index < batch; index++) encoder.message(message);
      sink(frames.output.take());
    };
  },
};
