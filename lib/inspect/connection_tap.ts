/**
 * The tap of one connection: reports its frames and messages, in the order in which they pass.
 *
 * @module
 */
import type { CloseInfo } from "../errors.ts";
import type { FrameSink } from "../frame/decoder.ts";
import { maskedCopy } from "../frame/mask.ts";
import { concat, copyOf } from "../frame/memory.ts";
import { CLOSE, CONTROL_BIT } from "../frame/opcode.ts";
import type { Link, LinkTap } from "../link/link.ts";
import type { ControlSink, DataSink } from "../message/decoder.ts";
import type { ExtensionBytes } from "../message/extension.ts";
import type { MessageData, MessageType } from "../message/message.ts";
import type { Direction, ObservedFrame, ObservedMessage } from "./events.ts";
import { FrameCounter } from "./frame_facts.ts";
import { MessageBeginning } from "./message_beginning.ts";

/** A frame, but for what every event has. */
export type TappedFrame = Omit<ObservedFrame, "connection" | "time">;
/** The same of a message. */
export type TappedMessage = Omit<ObservedMessage, "connection" | "time">;

/** Receives what a tap sees. */
export interface TapEvents {
  /** A frame has passed. */
  onFrame(frame: TappedFrame): void;
  /** A message has passed. */
  onMessage(message: TappedMessage): void;
}

const utf8 = /* @__PURE__ */ new TextEncoder();

/**
 * Reports one event after the other: what an observer causes from within its handler, by sending for example,
 * is reported behind what it was called with.
 */
class Reporter implements TapEvents {
  readonly #events: TapEvents;
  readonly #waiting: (() => void)[] = [];
  #isReporting = false;

  constructor(events: TapEvents) {
    this.#events = events;
  }

  onFrame(frame: TappedFrame): void {
    this.#add(() => this.#events.onFrame(frame));
  }

  /** What has to wait is a copy: the caller may change its memory. */
  onMessage(message: TappedMessage): void {
    const { data } = message;
    const kept = this.#isReporting && typeof data !== "string"
      ? { ...message, data: copyOf(data) }
      : message;
    this.#add(() => this.#events.onMessage(kept));
  }

  /** Reports what `add` adds once all of it is there. */
  together(add: () => void): void {
    const isOutermost = !this.#isReporting;
    this.#isReporting = true;
    add();
    if (!isOutermost) return;
    this.#isReporting = false;
    this.#run();
  }

  #add(call: () => void): void {
    this.#waiting.push(call);
    if (!this.#isReporting) this.#run();
  }

  #run(): void {
    this.#isReporting = true;
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) next();
    } finally {
      this.#isReporting = false;
    }
  }
}

/** One direction's messages. */
class Messages {
  readonly #direction: Direction;
  readonly #frames: FrameCounter;
  readonly #events: TapEvents;
  #beginning: MessageBeginning | undefined;

  constructor(direction: Direction, frames: FrameCounter, events: TapEvents) {
    this.#direction = direction;
    this.#frames = frames;
    this.#events = events;
  }

  whole(data: MessageData | Uint8Array): void {
    const isText = typeof data === "string";
    const size = isText ? utf8.encode(data).length : data.length;
    this.#report({ type: isText ? "text" : "binary", size, data, isComplete: true });
  }

  begin(type: MessageType): void {
    this.#beginning = new MessageBeginning(type);
  }

  add(piece: Uint8Array): void {
    this.#beginning?.add(piece);
  }

  /** One whose beginning was not seen is only counted. */
  end(): void {
    const { type, size, data, isComplete } = this.#beginning ?? {};
    this.#beginning = undefined;
    if (type === undefined) this.#frames.nextMessage();
    else this.#report({ type, size: size!, data: data!, isComplete: isComplete! });
  }

  #report(message: Omit<TappedMessage, "direction" | "message">): void {
    const direction = this.#direction;
    this.#events.onMessage({ direction, message: this.#frames.nextMessage(), ...message });
  }
}

/** What a tap needs to know of its link. */
export type TappedLink = Pick<Link, "role" | "compression" | "closeInitiator">;

/** A frame that is being received. */
interface IncomingFrame {
  readonly first: number;
  readonly size: number;
  /** What the extension had decoded before it. */
  readonly decodedBefore: number;
  /** Whether all of it is here. */
  isComplete: boolean;
  payload: Uint8Array | undefined;
}

/**
 * Sees what passes through a link. A frame that is received is reported when it is complete and decoded, before
 * anything is done with it: so what is sent in answer comes behind it.
 */
export class ConnectionTap implements LinkTap {
  readonly #events: Reporter;
  readonly #bytes: ExtensionBytes | undefined;
  readonly #sentFrames: FrameCounter;
  readonly #receivedFrames: FrameCounter;
  readonly #sentMessages: Messages;
  readonly #receivedMessages: Messages;
  #incoming: IncomingFrame | undefined;
  /** What the extension had taken before the next frame that is sent. */
  #sentBefore: number;
  #initiator: CloseInfo["initiator"] | undefined;
  /** The whole message whose frame comes next. */
  #sending: string | Uint8Array | undefined;

  /** Creates the tap of a link. */
  constructor(link: TappedLink, events: TapEvents) {
    const { role, compression } = link, mayTransform = compression !== undefined;
    this.#events = new Reporter(events);
    this.#bytes = compression;
    this.#sentBefore = compression?.sentDecoded ?? 0;
    this.#initiator = link.closeInitiator;
    const sent = this.#sentFrames = new FrameCounter("sent", {
      masked: role === "client",
      mayTransform,
    });
    const received = this.#receivedFrames = new FrameCounter("received", {
      masked: role === "server",
      mayTransform,
    });
    this.#sentMessages = new Messages("sent", sent, this.#events);
    this.#receivedMessages = new Messages("received", received, this.#events);
  }

  /** @internal From the encoder. */
  onFrameSent(first: number, size: number, payload: Uint8Array | undefined): void {
    const taken = this.#bytes?.sentDecoded;
    const transformedSize = taken === undefined ? undefined : taken - this.#sentBefore;
    this.#sentBefore = taken ?? 0;
    const isControl = (first & CONTROL_BIT) !== 0;
    const data = isControl ? undefined : this.#sending;
    if (data !== undefined) this.#sending = undefined;
    this.#events.together(() => {
      this.#report(
        this.#sentFrames.next({
          first,
          size,
          payload: isControl && payload !== undefined ? copyOf(payload) : undefined,
          transformedSize,
        }),
        "local",
      );
      if (data !== undefined) this.#sentMessages.whole(data);
    });
  }

  /** @internal From the link. */
  onSending(data: string | Uint8Array): void {
    this.#sending = data;
  }

  /** @internal From the link. */
  onMessageSent(data: string | Uint8Array): void {
    this.#sentMessages.whole(data);
  }

  /** @internal From the link. */
  onMessageSentStart(type: MessageType): void {
    this.#sentMessages.begin(type);
  }

  /** @internal From the link. */
  onMessageSentData(piece: Uint8Array, final: boolean): void {
    this.#sentMessages.add(piece);
    if (final) this.#sentMessages.end();
  }

  /** Returns the sink that sees frames. */
  frames(sink: FrameSink): FrameSink {
    return {
      onFrame: (first, chunk, start, end, key): void => {
        this.#begin(first, end - start, true);
        this.#keep(chunk, start, end, key);
        try {
          sink.onFrame(first, chunk, start, end, key);
        } finally {
          this.#received();
        }
      },
      onFrameStart: (first, payloadLength): void => {
        this.#begin(first, payloadLength, false);
        sink.onFrameStart(first, payloadLength);
      },
      onFramePiece: (chunk, start, end, key): number | void => {
        this.#keep(chunk, start, end, key);
        return sink.onFramePiece(chunk, start, end, key);
      },
      onFrameEnd: (): void => {
        if (this.#incoming !== undefined) this.#incoming.isComplete = true;
        try {
          sink.onFrameEnd();
        } finally {
          this.#received();
        }
      },
    };
  }

  /** Returns the sink that sees messages. */
  messages(sink: DataSink): Required<DataSink> {
    const messages = this.#receivedMessages;
    return {
      onMessage: (data): void => {
        this.#received();
        messages.whole(data);
        sink.onMessage(data);
      },
      onMessageStart: (type, announcedLength): void => {
        messages.begin(type);
        sink.onMessageStart!(type, announcedLength);
      },
      onMessageData: (piece): void => {
        messages.add(piece);
        sink.onMessageData!(piece);
      },
      onMessageEnd: (): void => {
        this.#received();
        messages.end();
        sink.onMessageEnd!();
      },
    };
  }

  /** Returns the sink that sees control frames. */
  control(sink: ControlSink): ControlSink {
    return {
      onPing: (payload): void => {
        this.#received();
        sink.onPing(payload);
      },
      onPong: (payload): void => {
        this.#received();
        sink.onPong(payload);
      },
      onClose: (status): void => {
        this.#received();
        sink.onClose(status);
      },
    };
  }

  #begin(first: number, size: number, isComplete: boolean): void {
    const decodedBefore = this.#bytes?.receivedDecoded ?? 0;
    this.#incoming = { first, size, decodedBefore, isComplete, payload: undefined };
  }

  /** Keeps a piece of a control frame's payload. */
  #keep(chunk: Uint8Array, start: number, end: number, key: number): void {
    const frame = this.#incoming;
    if (frame === undefined || (frame.first & CONTROL_BIT) === 0) return;
    const piece = maskedCopy(chunk, start, end, key);
    frame.payload = frame.payload === undefined ? piece : concat(frame.payload, piece);
  }

  /** Reports the frame that is being received, if it is complete and was not reported. */
  #received(): void {
    const frame = this.#incoming;
    if (frame?.isComplete !== true) return;
    this.#incoming = undefined;
    const { first, size, payload, decodedBefore } = frame, decoded = this.#bytes?.receivedDecoded;
    const transformedSize = decoded === undefined ? undefined : decoded - decodedBefore;
    this.#report(this.#receivedFrames.next({ first, size, payload, transformedSize }), "remote");
  }

  #report(facts: Omit<TappedFrame, "initiator">, side: CloseInfo["initiator"]): void {
    const isClose = facts.opcode === CLOSE;
    if (isClose) this.#initiator ??= side;
    this.#events.onFrame({ ...facts, initiator: isClose ? this.#initiator : undefined });
  }
}
