/**
 * UTF-8 to a string, where the platform can hold one that long.
 *
 * @module
 */
import { LimitError } from "../errors.ts";
import { Utf8Checker } from "./utf8.ts";

/** The longest string of V8, in characters: 2 ** 29 - 24. */
const V8_LIMIT = 536_870_888;
/** The longest string of JavaScriptCore, in characters: 2 ** 31 - 1. */
const JSC_LIMIT = 2_147_483_647;

/** A byte-order mark is part of the text: RFC 6455 section 5.6 knows no exception for it. */
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Returns the string that `bytes` spell.
 *
 * @throws {TypeError} If they are not UTF-8.
 * @throws {LimitError} With close code 1009 if the platform has no string that long.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = "";
  try {
    text = decoder.decode(bytes);
  } catch {
    const checker = new Utf8Checker();
    if (!checker.push(bytes) || !checker.complete) {
      throw new TypeError("Cannot decode text: it is not UTF-8");
    }
  }
  // Bun throws nothing from 2 GiB on, and returns the empty string.
  if (text === "" && bytes.length > 0) throw tooLong(bytes.length);
  return text;
}

function tooLong(size: number): LimitError {
  const limit = size > JSC_LIMIT ? JSC_LIMIT : V8_LIMIT;
  return new LimitError(
    `Cannot decode text: this platform cannot hold ${size} bytes of text in one string; lower ` +
      `maxMessageSize, or take such messages in pieces (messages: "stream")`,
    { option: "maxMessageSize", limit, actual: size, closeCode: 1009 },
  );
}
