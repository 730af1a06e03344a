/** What RFC 6455 sections 5.4, 5.5.1, 7.4, 8.1 and 10.4 say of frames in a row and their payloads. */

import { binary, byte, close, ping, pong, table, text, type Vector, word } from "../frame/table.ts";

const { good, bad, vectors } = table();

/** Every row. */
export const messageVectors: Vector[] = vectors;

// ------------------------------------------------------------------ 5.4: fragmentation

good("5.4: three fragments make one message", ["02 01 | 01", "00 02 | 02 03", "80 01 | 04"], [
  binary("01 02 03 04"),
]);
good("5.4: fragments may be empty: the first", ["01 00", "80 02 | 'Hi'"], [text("Hi")]);
good("5.4: fragments may be empty: one in the middle", ["01 01 | 'H'", "00 00", "80 01 | 'i'"], [
  text("Hi"),
]);
good("5.4: fragments may be empty: the last", ["01 02 | 'Hi'", "80 00"], [text("Hi")]);
good("5.4: fragments may be empty: all", ["02 00", "00 00", "80 00"], [binary("")]);
good(
  "5.4: two fragmented messages in a row",
  ["01 01 | 'a'", "80 01 | 'b'", "02 01 | 63", "80 00"],
  [
    text("ab"),
    binary("63"),
  ],
);
good(
  "5.4: control frames may stand between fragments",
  ["01 03 | 'Hel'", "89 01 | 31", "00 01 | 'l'", "8a 01 | 32", "89 00", "80 01 | 'o'"],
  [ping("31"), pong("32"), ping(""), text("Hello")],
);
bad("5.4: a continuation needs a message to continue", ["!80 01 | 61"], "CONTINUATION_UNEXPECTED");
bad(
  "5.4: a continuation without FIN needs one as well",
  ["!00 01 | 61"],
  "CONTINUATION_UNEXPECTED",
);
bad(
  "5.4: an empty continuation needs a message to continue",
  ["!80 00"],
  "CONTINUATION_UNEXPECTED",
);
bad(
  "5.4: after a whole message there is nothing to continue",
  ["81 01 | 'a'", "!80 01 | 62"],
  "CONTINUATION_UNEXPECTED",
  { before: [text("a")] },
);
bad(
  "5.4: after the last fragment there is nothing to continue",
  ["01 01 | 'a'", "80 01 | 'b'", "!80 01 | 63"],
  "CONTINUATION_UNEXPECTED",
  { before: [text("ab")] },
);
bad(
  "5.4: a continuation of nothing is not summed up with the message before",
  ["02 05 | 01x5", "80 01 | 01", "!80 06 | 01x6"],
  "CONTINUATION_UNEXPECTED",
  { before: [binary("01x6")], maxMessageSize: 10 },
);
for (const first of ["81", "82", "01", "02"]) {
  bad(
    `5.4: a frame ${first} must not stand inside a fragmented message`,
    ["01 01 | 'a'", "89 01 | 31", `!${first} 01 | 62`],
    "CONTINUATION_EXPECTED",
    { before: [ping("31")] },
  );
}
bad(
  "5.4: nothing after a violation is delivered",
  ["81 01 | 'a'", "!80 00", "81 01 | 'b'"],
  "CONTINUATION_UNEXPECTED",
  {
    before: [text("a")],
  },
);
bad(
  "5.2: no frame after a bad frame is delivered",
  ["81 01 | 'a'", "!83 00", "81 01 | 'b'"],
  "RESERVED_OPCODE",
  {
    before: [text("a")],
  },
);
bad("5.4: the bytes end inside a message", ["81 01 | 'a'", "01 01 | 'b'"], "TRUNCATED", {
  before: [text("a")],
});

// ------------------------------------------------------------------ 5.5.1 and 7.4: Close

good("5.5.1: a Close may be empty, which counts as 1005", ["88 00"], [close(1005)]);
good("5.5.1: a Close may have a reason", ["88 05 | 03 e8 'Bye'"], [close(1000, "Bye")]);
good("5.5.1: a reason may have 123 bytes", ["88 7d | 03 e8 61x123"], [
  close(1000, "a".repeat(123)),
]);
good("5.5.1: a byte-order mark in a reason is kept", ["88 06 | 03 e8 ef bb bf 61"], [
  close(1000, "\ufeffa"),
]);
good("5.5.1: a Close may stand inside a message", ["01 01 | 'a'", "88 02 | 03 e9"], [close(1001)]);
good("5.5.1: nothing after a Close is delivered", [
  "88 02 | 03 e8",
  "81 01 | 'a'",
  "89 00",
  "88 00",
], [
  close(1000),
]);
good("5.5.1: what follows a Close breaks no rule", ["88 00", "80 01 | 61", "88 02 | 00 00"], [
  close(1005),
]);
bad("5.5.1: a Close of one byte is an error", ["88 01 | ^03"], "CLOSE_PAYLOAD_LENGTH");
const LAWFUL = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
for (const code of [...LAWFUL, 3000, 3999, 4000, 4999]) {
  good(`7.4: code ${code} may be sent`, [`88 02 | ${word(code)}`], [close(code)]);
}
const UNLAWFUL = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];
for (const code of UNLAWFUL) {
  const [high, low] = word(code).split(" ");
  bad(`7.4: code ${code} must not be sent`, [`88 02 | ${high} ^${low}`], "CLOSE_CODE_INVALID");
}
bad("7.4: a code is judged before its reason", ["88 03 | 03 ed ^ff"], "CLOSE_CODE_INVALID");
for (const reason of ["^ff", "61 c3 ^28", "e2 ^82", "ed a0 ^80"]) {
  const length = byte(2 + reason.split(" ").length);
  bad(
    `5.5.1: ${reason}: a reason must be UTF-8`,
    [`88 ${length} | 03 e8 ${reason}`],
    "CLOSE_REASON_UTF8",
  );
}

// ------------------------------------------------------------------ 8.1: UTF-8

const VALID: readonly [string, string][] = [
  ["00", "\0"],
  ["7f", "\x7f"],
  ["c2 80", "\x80"],
  ["df bf", "\u07ff"],
  ["e0 a0 80", "\u0800"],
  ["ed 9f bf", "\ud7ff"],
  ["ee 80 80", "\ue000"],
  ["ef bf bf", "\uffff"],
  ["f0 90 80 80", "\u{10000}"],
  ["f4 8f bf bf", "\u{10ffff}"],
  ["ce ba e1 bd b9 cf 83 ce bc ce b5", "\u03ba\u1f79\u03c3\u03bc\u03b5"],
  ["ef bb bf 61 ef bb bf", "\ufeffa\ufeff"],
];
for (const [bytes, data] of VALID) {
  const list = bytes.split(" ");
  const length = byte(list.length);
  good(`8.1: ${bytes} is UTF-8`, [`81 ${length} | ${bytes}`], [text(data)]);
  good(
    `8.1: ${bytes} is UTF-8, a fragment a byte`,
    [...list.map((each, i) => `${i === 0 ? "01" : "00"} 01 | ${each}`), "80 00"],
    [text(data)],
  );
}
good("8.1: a character split over fragments, with a ping inside it", [
  "01 02 | f0 9f",
  "89 01 | ff",
  "80 02 | 98 80",
], [
  ping("ff"),
  text("\u{1f600}"),
]);
const INVALID: readonly [string, string][] = [
  ["^80", "a continuation byte with no lead"],
  ["^bf", "a continuation byte with no lead"],
  ["^c0 80", "an overlong form"],
  ["^c1 bf", "an overlong form"],
  ["e0 ^80 80", "an overlong form"],
  ["e0 ^9f bf", "an overlong form"],
  ["f0 ^80 80 80", "an overlong form"],
  ["f0 ^8f bf bf", "an overlong form"],
  ["ed ^a0 80", "a surrogate"],
  ["ed ^bf bf", "a surrogate"],
  ["f4 ^90 80 80", "above U+10FFFF"],
  ["^f5 80 80 80", "above U+10FFFF"],
  ["^f8 88 80 80 80", "five bytes"],
  ["^fc 84 80 80 80 80", "six bytes"],
  ["^fe", "never in UTF-8"],
  ["^ff", "never in UTF-8"],
  ["c3 ^28", "a lead without its continuation"],
  ["e2 ^28 a1", "a lead without its continuation"],
  ["e2 82 ^28", "a lead without its last continuation"],
  ["f0 ^28 8c bc", "a lead without its continuation"],
  ["f0 90 ^28 bc", "a lead without its continuation"],
  ["f0 90 8c ^28", "a lead without its last continuation"],
  ["f0 9f 98 80 ^80", "a continuation byte too many"],
];
for (const [bytes, why] of INVALID) {
  const length = byte(bytes.split(" ").length + 2);
  bad(`8.1: ${bytes}: ${why}`, [`81 ${length} | 61 ${bytes} 62`], "INVALID_UTF8");
  bad(
    `8.1: ${bytes}: ${why}, in a fragment that is not the last`,
    ["01 01 | 61", `00 ${length} | 61 ${bytes} 62`, "89 00"],
    "INVALID_UTF8",
  );
}
for (const bytes of ["^c2", "e0 ^a0", "e2 ^82", "f0 9f ^98"]) {
  const length = byte(bytes.split(" ").length);
  bad(
    `8.1: ${bytes}: text must not end inside a character`,
    [`81 ${length} | ${bytes}`],
    "INVALID_UTF8",
  );
}
bad(
  "8.1: a last empty fragment does not complete a character",
  ["01 02 | e2 82", "!80 00"],
  "INVALID_UTF8",
);
bad(
  "8.1: the next fragment must go on with the character",
  ["01 02 | e2 82", "00 02 | ^61 62"],
  "INVALID_UTF8",
);
good("8.1: a new message begins with a clean slate", ["02 01 | e2", "80 01 | 82", "81 01 | 61"], [
  binary("e2 82"),
  text("a"),
]);

// ------------------------------------------------------------------ limits (10.4)

const frameLimit = { maxFrameSize: 10 };
const messageLimit = { maxMessageSize: 10 };
const fragmentLimit = { maxFragments: 3 };
good(
  "10.4: a frame of exactly maxFrameSize passes",
  ["82 0a | 01x10"],
  [binary("01x10")],
  frameLimit,
);
bad(
  "10.4: a frame of one byte more than maxFrameSize fails",
  ["!82 0b | 01x11"],
  "maxFrameSize",
  frameLimit,
);
bad(
  "10.4: a continuation of one byte more fails",
  ["02 00", "!80 0b | 01x11"],
  "maxFrameSize",
  frameLimit,
);
good(
  "10.4: control frames are not judged by maxFrameSize",
  ["89 0b | 01x11"],
  [ping("01x11")],
  frameLimit,
);
bad("10.4: 2^63 - 1 bytes are over the default", ["!82 7f 7f ffx7"], "maxFrameSize");
bad("10.4: 2^32 bytes are over the default", ["!82 7f 00 00 00 01 00x4"], "maxFrameSize");
for (
  const [type, first, message] of [
    ["binary", 2, binary("61x10")],
    ["text", 1, text("a".repeat(10))],
  ] as const
) {
  const whole = byte(0x80 | first), begin = byte(first);
  good(
    `10.4: ${type} of exactly maxMessageSize passes`,
    [`${whole} 0a | 61x10`],
    [message],
    messageLimit,
  );
  bad(
    `10.4: ${type} of one byte more fails`,
    [`!${whole} 0b | 61x11`],
    "maxMessageSize",
    messageLimit,
  );
  good(
    `10.4: fragments of ${type} of exactly maxMessageSize together pass`,
    [`${begin} 04 | 61x4`, "00 05 | 61x5", "80 01 | 61"],
    [message],
    messageLimit,
  );
  bad(
    `10.4: fragments of ${type} of one byte more fail`,
    [`${begin} 04 | 61x4`, "00 06 | 61x6", "!80 01 | 61"],
    "maxMessageSize",
    messageLimit,
  );
}
good(
  "10.4: control frames are never charged to a message",
  ["02 08 | 01x8", "89 05 | 02x5", "8a 0b | 03x11", "80 02 | 01x2"],
  [ping("02x5"), pong("03x11"), binary("01x10")],
  messageLimit,
);
good("10.4: a message does not count towards the next", [
  "82 0a | 01x10",
  "02 09 | 01x9",
  "80 01 | 01",
], [
  binary("01x10"),
  binary("01x10"),
], messageLimit);
good("10.4: exactly maxFragments pass", ["02 01 | 01", "00 00", "80 00", "02 00", "80 00"], [
  binary("01"),
  binary(""),
], fragmentLimit);
bad(
  "10.4: one fragment more than maxFragments fails",
  ["02 01 | 01", "00 01 | 02", "00 01 | 03", "!80 01 | 04"],
  "maxFragments",
  fragmentLimit,
);
bad(
  "10.4: empty fragments count",
  ["02 00", "00 00", "00 00", "!00 00"],
  "maxFragments",
  fragmentLimit,
);
good("10.4: control frames are no fragments", ["02 01 | 01", "89 00", "89 00", "8a 00", "80 00"], [
  ping(""),
  ping(""),
  pong(""),
  binary("01"),
], fragmentLimit);
