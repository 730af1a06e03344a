/**
 * How what passes through a connection is seen from outside, without a change to it. While there is no tap,
 * a frame costs one comparison each way, and creates nothing.
 *
 * @module
 */
import type { FrameSink } from "../frame/decoder.ts";
import type { FrameEncoderTap } from "../frame/encoder.ts";
import type { ControlSink, DataSink } from "../message/decoder.ts";

/** Sees the frames and messages of one connection's protocol. */
export interface ProtocolTap extends FrameEncoderTap {
  /** Returns a sink that sees the frames for `sink`, and passes them on. */
  frames(sink: FrameSink): FrameSink;
  /** The same for messages, received. */
  messages(sink: DataSink): Required<DataSink>;
  /** The same for control frames, received. */
  control(sink: ControlSink): ControlSink;
}
