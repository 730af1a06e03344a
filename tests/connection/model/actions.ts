/** What can be done to one end, by its user or by the network. */

import type { MessageType } from "../../../lib/message/message.ts";
import type { End } from "./end.ts";
import type { SideModel } from "./model.ts";
import type { SourceKind } from "./source.ts";

/** Something to be done, as data: so that a failure prints it. */
export type Action =
  | { do: "send"; type: MessageType; size: number; by: "send" | "writer" }
  | {
    do: "stream";
    type: MessageType;
    kind: SourceKind;
    by: "send" | "writer";
    /** It can be aborted by a signal. */
    abortable: boolean;
    /** What its source gives at once. */
    chunks: number[];
    /** And what then. */
    then: "wait" | "end" | "fail";
  }
  | { do: "give"; size: number }
  | { do: "endSource" | "failSource" | "abortSource" }
  | { do: "close"; closeCode: number; reason: string }
  | { do: "terminate" | "pause" | "resume" | "discard" | "ping" | "pong" | "ready" }
  | { do: "shutdown"; timeout: number }
  | { do: "take"; count: number }
  | { do: "failUser" | "cancelReadable" | "closeWriter" | "abortWriter" | "fin" | "reset" };

/** Whether it makes sense now; and notes that it is done. */
export function allows(side: SideModel, action: Action): boolean {
  switch (action.do) {
    case "give":
      return side.sources > 0;
    case "endSource":
    case "failSource":
    case "abortSource":
      if (side.sources === 0) return false;
      side.sources--;
      return true;
    case "stream":
      if (action.then === "wait") side.sources++;
      return true;
    case "close":
    case "shutdown":
      if (side.state === 1) side.state = 2;
      return true;
    case "terminate":
      side.state = 3;
      return true;
    default:
      return true;
  }
}

/** Does it. */
export function act(end: End, action: Action): void {
  const [source] = end.sending.sources;
  switch (action.do) {
    case "send":
      return end.sending.send(action.type, action.size, action.by);
    case "stream":
      return stream(end, action);
    case "give":
      return source?.give(Math.min(action.size, end.setup.largest));
    case "endSource":
      return source?.end();
    case "failSource":
      return source && end.sending.failSource(source);
    case "abortSource":
      return source && end.sending.abortSource(source);
    case "close":
      return end.connection.close({ closeCode: action.closeCode, reason: action.reason });
    case "shutdown":
      return end.shutdown(action.timeout);
    case "terminate":
      return end.connection.terminate();
    case "take":
      for (let i = 0; i < action.count; i++) end.reader.take();
      return;
    case "closeWriter":
      return end.sending.closeWriter("close");
    case "abortWriter":
      return end.sending.closeWriter("abort");
    default:
      return end[action.do]();
  }
}

function stream(end: End, action: Action & { do: "stream" }): void {
  const source = end.sending.stream(action);
  for (const size of action.chunks) source.give(Math.min(size, end.setup.largest));
  if (action.then === "end") source.end();
  else if (action.then === "fail") end.sending.failSource(source);
}
