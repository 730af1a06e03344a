/** What the tables of endings are made of. */

import { type Rig, type RigOptions, settle } from "../support.ts";

/** One ending: what happens, and what is told of it. */
export interface Ending {
  name: string;
  options?: RigOptions;
  happens(rig: Rig): unknown;
  tells: {
    code: number;
    clean?: true;
    /** The Close frames as `code reason`; missing where none passed. */
    sent?: string;
    received?: string;
    initiator: "local" | "remote";
    /** The error's class, and its code or the option that it names. */
    error?: string;
  };
}

/** The errors of a peer that ended, and of one that reset the connection. */
export const LOST = "TransportError CONNECTION_ENDED";
export const RESET = "TransportError CONNECTION_RESET";

/** A way out with room for all. */
export const WIDE: RigOptions = { memory: { capacity: 1 << 20 } };
/** A write of this size does not fit into the `NARROW` way out. */
export const MUCH: Uint8Array = new Uint8Array(500);
export const NARROW: RigOptions = { memory: { capacity: 64 }, sendTimeout: 700 };

/** The peer reads nothing, and data waits for it. */
export async function block({ connection, peer }: Rig): Promise<void> {
  peer.transport.pause();
  connection.send(MUCH);
  await settle();
}

/** The peer sends a Close, and answers to nothing more. */
export function closeAndEnd({ peer }: Rig, code: number, reason?: string): void {
  peer.sayClose(code, reason);
  peer.transport.closeWrite();
}

/** A source of a message that gives one fragment, and then nothing until it is told to fail. */
export function slowSource(): { stream: ReadableStream<Uint8Array>; fail: (error: Error) => void } {
  let fail!: (error: Error) => void;
  const stream = new ReadableStream<Uint8Array>({
    start(controller): void {
      controller.enqueue(new Uint8Array(65_536));
      fail = (error): void => controller.error(error);
    },
  });
  return { stream, fail };
}
