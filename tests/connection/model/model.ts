/** What a sequence of commands has asked for so far: enough to know which command makes sense next. */

import type { Role } from "../../../lib/frame/opcode.ts";

/** One side, as far as the commands know. */
export class SideModel {
  /** 1 until this side asked for an end, 2 after `close`, 3 after `terminate`. */
  state: 1 | 2 | 3 = 1;
  /** Sources that it was told to send, and that have neither ended nor failed. */
  sources = 0;
}

/** Both sides. */
export class Model {
  readonly client: SideModel = new SideModel();
  readonly server: SideModel = new SideModel();

  /** The side of that role. */
  side(side: Role): SideModel {
    return side === "client" ? this.client : this.server;
  }
}
