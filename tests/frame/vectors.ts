/**
 * What RFC 6455 sections 5.1 to 5.5 say of a frame by itself. The RFC's own examples (section 5.7)
 * come first, and stand in its own bytes.
 */

import type { Role } from "../../lib/frame/opcode.ts";
import type { Message } from "../../lib/message/message.ts";
import { binary, byte, ping, pong, table, text, type Vector } from "./table.ts";

const { row, good, bad, vectors } = table();

/** Every row. */
export const frameVectors: Vector[] = vectors;

// ------------------------------------------------------------------ 5.7: the RFC's own examples

function example(role: Role, name: string, raw: string, frame: string[], message: Message): void {
  row(role, `5.7: ${name}`, frame, [message], { raw });
}
const HELLO = "7f 9f 4d 51 58";
example(
  "client",
  "a single-frame unmasked text message",
  "81 05 48 65 6c 6c 6f",
  ["81 05 | 'Hello'"],
  text("Hello"),
);
example(
  "server",
  "a single-frame masked text message",
  `81 85 37 fa 21 3d ${HELLO}`,
  ["81 05 | 'Hello'"],
  text("Hello"),
);
example(
  "client",
  "a fragmented unmasked text message",
  "01 03 48 65 6c 80 02 6c 6f",
  ["01 03 | 'Hel'", "80 02 | 'lo'"],
  text("Hello"),
);
example(
  "client",
  "an unmasked ping request",
  "89 05 48 65 6c 6c 6f",
  ["89 05 | 'Hello'"],
  ping("'Hello'"),
);
example(
  "server",
  "a masked pong response",
  `8a 85 37 fa 21 3d ${HELLO}`,
  ["8a 05 | 'Hello'"],
  pong("'Hello'"),
);
example(
  "client",
  "256 bytes of binary in one unmasked frame",
  "82 7e 01 00 5ax256",
  ["82 7e 01 00 | 5ax256"],
  binary("5ax256"),
);
example(
  "client",
  "64 KiB of binary in one unmasked frame",
  "82 7f 00 00 00 00 00 01 00 00 a5x65536",
  ["82 7f 00 00 00 00 00 01 00 00 | a5x65536"],
  binary("a5x65536"),
);

// ------------------------------------------------------------------ 5.2: length

const LENGTHS: readonly [number, string][] = [
  [0, "00"],
  [1, "01"],
  [125, "7d"],
  [126, "7e 00 7e"],
  [127, "7e 00 7f"],
  [65535, "7e ff ff"],
  [65536, "7f 00 00 00 00 00 01 00 00"],
];
for (const [size, length] of LENGTHS) {
  const bytes = size === 0 ? "" : `61x${size}`;
  good(`5.2: binary of ${size} bytes`, [`82 ${length} | ${bytes}`], [binary(bytes)]);
  good(`5.6: text of ${size} bytes`, [`81 ${length} | ${bytes}`], [text("a".repeat(size))]);
}
for (const length of ["7e 00 00", "7e 00 01", "7e 00 7d"]) {
  bad(
    `5.2: ${length}: a 16-bit length below 126 is not minimal`,
    [`!82 ${length}`],
    "LENGTH_NOT_MINIMAL",
  );
}
for (const low of ["00 00", "00 01", "00 7d", "00 7e", "ff ff"]) {
  bad(
    `5.2: ${low}: a 64-bit length below 65536 is not minimal`,
    [`!82 7f 00 00 00 00 00 00 ${low}`],
    "LENGTH_NOT_MINIMAL",
  );
}
for (const length of ["80x1 00x7", "80x1 00x6 05", "ffx8"]) {
  bad(
    `5.2: ${length}: a 64-bit length's top bit must be 0`,
    [`!82 7f ${length}`],
    "LENGTH_TOP_BIT",
  );
}

// ------------------------------------------------------------------ 5.2: opcodes and reserved bits

for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  for (const fin of [0x80, 0]) {
    bad(
      `5.2: opcode ${opcode} is reserved, FIN ${fin >> 7}`,
      ["82 01 | 2a", `!${byte(fin | opcode)} 00`],
      "RESERVED_OPCODE",
      { before: [binary("2a")] },
    );
  }
}
for (
  const [bits, rsv] of [[0x40, "RSV1"], [0x20, "RSV2"], [0x10, "RSV3"], [0x70, "RSV1-3"]] as const
) {
  for (const opcode of [1, 2, 8, 9, 10]) {
    bad(
      `5.2: ${rsv} on opcode ${opcode} is an error that no extension allows`,
      [`!${byte(0x80 | bits | opcode)} 01 | 61`],
      "RESERVED_BITS",
    );
  }
  bad(
    `5.2: ${rsv} on a continuation is an error`,
    ["01 01 | 61", `!${byte(0x80 | bits)} 01 | 61`],
    "RESERVED_BITS",
  );
}
for (const [name, frame] of [["close", "c8 00"], ["ping", "c9 00"], ["pong", "ca 00"]]) {
  bad(
    `5.2: RSV1 on a ${name} is an error even if an extension claims it`,
    [`!${frame}`],
    "RESERVED_BITS",
    {
      allowedRsv: 0x40,
    },
  );
}
bad(
  "5.2: RSV1 on a continuation is an error even if an extension claims it",
  ["01 01 | 61", "!c0 01 | 61"],
  "RESERVED_BITS",
  { allowedRsv: 0x40 },
);
bad("5.2: RSV2 is an error if an extension claims only RSV1", ["!a1 01 | 61"], "RESERVED_BITS", {
  allowedRsv: 0x40,
});

// ------------------------------------------------------------------ 5.1: masking

for (const opcode of [1, 2, 8, 9, 10]) {
  const first = byte(0x80 | opcode);
  row("server", `5.1: an unmasked frame of opcode ${opcode} is an error`, [], [], {
    raw: `${first} 02 68 69`,
    error: "MASK_REQUIRED",
  });
  row("client", `5.1: a masked frame of opcode ${opcode} is an error`, [], [], {
    raw: `${first} 82 37 fa 21 3d 5f 93`,
    error: "MASK_FORBIDDEN",
  });
}
row("server", "5.1: an empty unmasked frame is an error", [], [], {
  raw: "81 00",
  error: "MASK_REQUIRED",
});
row("client", "5.1: an empty masked frame is an error", [], [], {
  raw: "81 80 00 00 00 00",
  error: "MASK_FORBIDDEN",
});

// ------------------------------------------------------------------ 5.5: control frames

for (const [name, opcode] of [["close", 8], ["ping", 9], ["pong", 10]] as const) {
  const first = byte(0x80 | opcode);
  bad(`5.5: a ${name} must not be fragmented`, [`!${byte(opcode)} 00`], "CONTROL_FRAGMENTED");
  bad(`5.5: a ${name} of 126 bytes is too long`, [`!${first} 7e 00 7e`], "CONTROL_TOO_LONG");
  bad(
    `5.5: a ${name} with a 64-bit length is too long`,
    [`!${first} 7f 00x5 01 00 00`],
    "CONTROL_TOO_LONG",
  );
}
good("5.5.2: a ping may be empty", ["89 00"], [ping("")]);
good("5.5.2: a ping may have 125 bytes", ["89 7d | fex125"], [ping("fex125")]);
good("5.5.3: a pong may come unasked", ["8a 7d | 01x125", "8a 00"], [pong("01x125"), pong("")]);
