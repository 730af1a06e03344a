/**
 * A client by the interface of the standard.
 *
 * @module
 */
import type { OpenSocket } from "./work.ts";

interface StandardSocket {
  binaryType: string;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code: number): void;
}

/** Returns what opens sockets of a class of the standard. */
export function openStandard(type: new (url: string) => StandardSocket): OpenSocket {
  return (url, events): void => {
    const socket = new type(url);
    socket.binaryType = "arraybuffer";
    const handle = {
      send: (data: Uint8Array<ArrayBuffer>): void => socket.send(data),
      close: (): void => socket.close(1000),
    };
    socket.onopen = (): void => events.onOpen(handle);
    socket.onmessage = ({ data }: { data: ArrayBuffer }): void => events.onMessage(data.byteLength);
    socket.onclose = ({ wasClean, code }: { wasClean: boolean; code: number }): void => {
      events.onClose(wasClean ? undefined : new Error(`it was closed with ${code}`));
    };
  };
}
