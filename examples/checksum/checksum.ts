/**
 * An extension of one's own (RFC 6455 section 9): each message ends with a checksum of its bytes, Adler-32 of
 * RFC 1950. It takes any place in the list `extensions` of `ClientUpgrade` and `ServerUpgrade`.
 *
 * @module
 */
import {
  type ExtensionDefinition,
  type MessageExtension,
  type PieceSink,
  ProtocolError,
} from "../../lib/protocol/mod.ts"; // "@sluice/websocket/protocol"

/** The entry for the list. */
export const checksum: ExtensionDefinition = {
  name: "x-checksum",
  rsv: 0x20,
  create: () => new Checksum(),
};

class Checksum implements MessageExtension {
  readonly header = "x-checksum";
  readonly rsv = 0x20;
  #sent = 1;
  #received = 1;
  /** The last bytes that came: the sum, perhaps. */
  #held: number[] = [];

  wants(): boolean {
    return true;
  }

  encode(piece: Uint8Array, final: boolean, emit: PieceSink): void {
    this.#sent = adler32(this.#sent, piece);
    emit(piece);
    if (!final) return;
    emit(Uint8Array.from([24, 16, 8, 0], (shift) => this.#sent >>> shift));
    this.#sent = 1;
  }

  decode(piece: Uint8Array, final: boolean, _limit: number, emit: PieceSink): void {
    const bytes = Uint8Array.of(...this.#held, ...piece), data = bytes.subarray(0, -4);
    this.#held = [...bytes.subarray(-4)];
    this.#received = adler32(this.#received, data);
    if (data.length > 0) emit(data);
    if (!final) return;
    const sum = this.#held.reduce((value, byte) => value << 8 | byte, 0) >>> 0;
    if (this.#held.length < 4 || sum !== this.#received) {
      throw new ProtocolError(
        "EXTENSION_DATA",
        "Cannot decode message: its checksum is wrong",
        1007,
      );
    }
    this.#held = [];
    this.#received = 1;
  }
}

function adler32(sum: number, bytes: Uint8Array): number {
  let a = sum & 0xffff, b = sum >>> 16;
  for (const byte of bytes) b = (b + (a = (a + byte) % 65_521)) % 65_521;
  return (b << 16 | a) >>> 0;
}
