/**
 * The grammar of header values: tokens (RFC 9110 section 5.6.2), lists of them, and the extension
 * list of RFC 6455 section 9.1. Each character is looked at once, without regular expressions.
 *
 * @module
 */

import { HandshakeError, type HandshakeErrorCode } from "../errors.ts";
import type { ExtensionOffer } from "../message/extension.ts";

const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789" +
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const isTokenCode = /* @__PURE__ */ tokenCodes();

function tokenCodes(): Uint8Array {
  const codes = new Uint8Array(256);
  for (let i = 0; i < TOKEN_CHARACTERS.length; i++) codes[TOKEN_CHARACTERS.charCodeAt(i)] = 1;
  return codes;
}

/** Whether a character may stand in a token (RFC 9110 section 5.6.2). */
export function isTokenCharacter(code: number): boolean {
  return isTokenCode[code] === 1;
}

/** Whether the whole text is a token: at least one character, and no other than those of tokens. */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!isTokenCharacter(text.charCodeAt(i))) return false;
  return text.length > 0;
}

/** Whether a character may stand in a field value: visible, a space, a tab, or 0x80 to 0xFF. */
export function isFieldCharacter(code: number): boolean {
  return (code >= SPACE && code !== 0x7f && code <= 0xff) || code === TAB;
}

/**
 * A text as an error message shows it: in quotes, in visible ASCII since messages end up on
 * terminals, and not at any length.
 */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text)
    .replace(/[^ -~]/g, (other) => `\\u${other.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Whether one of the values, each a list with commas, has the item (in lower case), in any case. */
export function listHas(values: readonly string[], item: string): boolean {
  return values.some((value) =>
    value.split(",").some((element) => trimSpace(element).toLowerCase() === item)
  );
}

/** Without the spaces and tabs around it; `String.prototype.trim` takes 0xA0 for a space too. */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** Whether a character is one of the optional white space (OWS, RFC 9110 section 5.6.3). */
export function isSpace(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Reads a header value from left to right. */
class Scanner {
  readonly #text: string;
  readonly #header: string;
  readonly #code: HandshakeErrorCode;
  #at = 0;

  constructor(text: string, of: { header: string; code: HandshakeErrorCode }) {
    this.#text = text;
    this.#header = of.header;
    this.#code = of.code;
    this.#skipSpace();
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Takes this separator and the space after it, if it is next. */
  take(separator: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== separator) return false;
    this.#at++;
    this.#skipSpace();
    return true;
  }

  token(what: string): string {
    const start = this.#at;
    while (isTokenCharacter(this.#text.charCodeAt(this.#at))) this.#at++;
    if (this.#at === start) this.fail(`expected ${what}`);
    const token = this.#text.slice(start, this.#at);
    this.#skipSpace();
    return token;
  }

  /** A token or, after a quotation mark, a quoted string whose content is a token (section 9.1). */
  tokenOrQuoted(what: string): string {
    if (this.#text.charCodeAt(this.#at) !== QUOTE) return this.token(what);
    const start = this.#at++;
    let value = "";
    let pieceStart = this.#at;
    for (;; this.#at++) {
      if (this.done) this.fail("the quoted string has no end");
      let code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        value += this.#text.slice(pieceStart, this.#at++);
        pieceStart = this.#at;
        code = this.#text.charCodeAt(this.#at); // NaN at the end, which is not a token character
      }
      if (!isTokenCharacter(code)) this.fail("a quoted value must be a token");
    }
    value += this.#text.slice(pieceStart, this.#at++);
    if (value === "") this.fail("a quoted value must be a token", start);
    this.#skipSpace();
    return value;
  }

  fail(why: string, at: number = this.#at): never {
    throw new HandshakeError(
      this.#code,
      `Cannot parse ${this.#header} header: ${why} at offset ${at}`,
      { status: 400 },
    );
  }

  #skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
  }
}

/**
 * Reads a list of one element or more. Empty elements are passed over (RFC 9110 section 5.6.1.2).
 */
function parseList<T>(scanner: Scanner, element: (scanner: Scanner) => T): T[] {
  const elements: T[] = [];
  while (!scanner.done) {
    if (scanner.take(COMMA)) continue;
    elements.push(element(scanner));
    if (!scanner.done && !scanner.take(COMMA)) scanner.fail("expected a comma");
  }
  if (elements.length === 0) scanner.fail("the list is empty");
  return elements;
}

/**
 * The tokens of a `Sec-WebSocket-Protocol` header, in order (`1#token`, RFC 6455 section 4.3).
 *
 * @throws {HandshakeError} with status 400 if it is not a list of tokens, or an empty one.
 */
export function parseTokenList(value: string): string[] {
  const scanner = new Scanner(value, { header: "Sec-WebSocket-Protocol", code: "PROTOCOL_HEADER" });
  return parseList(scanner, (list) => list.token("a token"));
}

/**
 * The extensions of a `Sec-WebSocket-Extensions` header, in order, as offered or as answered
 * (RFC 6455 section 9.1).
 *
 * A parameter that comes twice breaks no rule of the grammar: what to make of it is the extension's
 * business, and `repeated` tells it.
 *
 * @throws {HandshakeError} with status 400 if it breaks the grammar, or is empty.
 */
export function parseExtensions(value: string): ExtensionOffer[] {
  const scanner = new Scanner(value, {
    header: "Sec-WebSocket-Extensions",
    code: "EXTENSIONS_HEADER",
  });
  return parseList(scanner, parseExtension);
}

function parseExtension(scanner: Scanner): ExtensionOffer {
  const name = scanner.token("the name of an extension");
  // A Map: a parameter named "constructor" or "__proto__" is a name like any other.
  const params = new Map<string, string | true>();
  let repeated: string | undefined;
  while (scanner.take(SEMICOLON)) {
    const param = scanner.token("the name of a parameter");
    const value = scanner.take(EQUALS) ? scanner.tokenOrQuoted("a value") : true;
    if (params.has(param)) repeated ??= param;
    else params.set(param, value);
  }
  return repeated === undefined ? { name, params } : { name, params, repeated };
}

/**
 * Writes extensions as a header value: the inverse of {@linkcode parseExtensions}.
 *
 * @throws {TypeError} If a name or a value is not a token.
 */
export function formatExtensions(extensions: Iterable<ExtensionOffer>): string {
  const checked = (text: string): string => {
    if (isToken(text)) return text;
    throw new TypeError(`Cannot format extensions: ${quote(text)} is not a token`);
  };
  return Array.from(extensions, ({ name, params }) => {
    let text = checked(name);
    for (const [param, value] of params) {
      text += `; ${checked(param)}`;
      if (value !== true) text += `=${checked(value)}`;
    }
    return text;
  }).join(", ");
}
