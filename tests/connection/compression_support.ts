/** Connections on which permessage-deflate is agreed, and the bytes of a peer that speaks it too. */

import { PerMessageDeflate } from "../../lib/deflate/extension.ts";
import type { DeflateAgreement } from "../../lib/deflate/negotiation.ts";
import type { MessageData } from "../../lib/message/message.ts";
import type { StreamedMessage } from "../../lib/connection/streamed_message.ts";
import type { Role } from "../../lib/frame/opcode.ts";
import { cut } from "../message/decode.ts";
import {
  open,
  openStream,
  type Peer,
  type PlainFrame,
  type Rig,
  type RigOptions,
} from "./support.ts";

/** First bytes of frames: a compressed message begins with RSV1, and with FIN if it is whole. */
export const WHOLE_TEXT = 0xc1;
export const WHOLE_BINARY = 0xc2;
export const FIRST_TEXT = 0x41;
export const FIRST_BINARY = 0x42;
export const RSV1 = 0x40;
export const FIN = 0x80;

/** RFC 7692 section 7.2.3.1: "Hello" in a fixed block; and 7.2.3.2: the same once more. */
export const HELLO: readonly number[] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
export const HELLO_AGAIN: readonly number[] = [0xf2, 0x00, 0x11, 0x00, 0x00];

/** Terms that leave everything as large as it can be. */
export const PLAIN: DeflateAgreement = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
  header: "permessage-deflate",
};
/** Terms that keep nothing between messages. */
export const FORGETFUL: DeflateAgreement = {
  ...PLAIN,
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  header: "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
};

/** An extension that counts how often it is released. */
export class CountedDeflate extends PerMessageDeflate {
  releases = 0;

  override release(): void {
    this.releases++;
    super.release();
  }
}

/** How to open a compressed connection. */
export interface CompressedOptions<Message extends MessageData | StreamedMessage = MessageData>
  extends RigOptions<Message> {
  role: Role;
  agreement?: DeflateAgreement;
  /** Shorter messages are sent as they are; as in the library's options. */
  threshold?: number;
}

function extensionOf(options: Omit<CompressedOptions, "websocket" | "onError">): CountedDeflate {
  const { role, agreement = PLAIN, threshold } = options;
  return new CountedDeflate({ role, agreement, level: 6, threshold });
}

/** Opens a connection with compression. */
export function openCompressed(options: CompressedOptions): Rig & { extension: CountedDeflate } {
  const extension = extensionOf(options);
  return { ...open({ ...options, extension }), extension };
}

/** The same with messages that are given from their first bytes on. */
export function openCompressedStream(
  options: CompressedOptions<StreamedMessage>,
): Rig<StreamedMessage> {
  const { role, agreement, threshold } = options;
  return openStream({ ...options, extension: extensionOf({ role, agreement, threshold }) });
}

/** The frames of one compressed message, its payload cut at these offsets. */
export function fragmentsOf(
  peer: Peer,
  first: number,
  payload: Uint8Array,
  offsets: readonly number[],
): Uint8Array<ArrayBuffer>[] {
  const parts = cut(payload, offsets);
  return parts.map((part, i) =>
    peer.frame((i === 0 ? first : 0) | (i === parts.length - 1 ? FIN : 0), part)
  );
}

/** A data message as its frames. */
export interface SentMessage {
  compressed: boolean;
  type: "text" | "binary";
  frames: PlainFrame[];
}

/** The data messages among frames; control frames are passed over. */
export function messagesOf(frames: readonly PlainFrame[]): SentMessage[] {
  const messages: SentMessage[] = [];
  for (const frame of frames) {
    if (frame.opcode > 2) continue;
    if (frame.opcode === 0) messages[messages.length - 1].frames.push(frame);
    else {
      const type = frame.opcode === 1 ? "text" : "binary";
      messages.push({ compressed: (frame.first & RSV1) !== 0, type, frames: [frame] });
    }
  }
  return messages;
}
