/**
 * Reads the head of an HTTP/1.1 message (RFC 9112 sections 2 to 5) from chunks of any size.
 *
 * It is strict where other readers are lenient, because what two readers of one byte stream take
 * differently is how requests are smuggled: lines end with CRLF, no line is folded, no space stands
 * before a colon.
 *
 * @module
 */

import { HandshakeError, type HandshakeErrorCode } from "../errors.ts";
import { readLimit } from "../limits.ts";
import { isFieldCharacter, isSpace, isTokenCharacter, quote, trimSpace } from "./grammar.ts";
import { HeaderLines } from "./head.ts";
import type { RequestHead, ResponseHead } from "./head.ts";
import { decodeLatin1 } from "./latin1.ts";

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;

/** The two kinds of head, by name. */
export interface Heads {
  /** What a client sends. */
  request: RequestHead;
  /** What a server sends. */
  response: ResponseHead;
}

/** What to read, and how much of it. */
export interface HeadReaderOptions<Kind extends keyof Heads> {
  /** The head of a request or of a response. */
  kind: Kind;
  /** The most bytes that the head may have, its empty line included. Default: 16,384. */
  maxHeaderSize?: number;
  /** The most header lines that it may have; lines of one name count each. Default: 128. */
  maxHeaders?: number;
}

/** A set of bytes: 1 at each member. */
function byteSet(has: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => has(byte) ? 1 : 0);
}

const NONE = /* @__PURE__ */ byteSet(() => false);
const TOKEN = /* @__PURE__ */ byteSet(isTokenCharacter);
const VISIBLE = /* @__PURE__ */ byteSet((byte) => byte > SPACE && byte < 0x7f);
const FIELD = /* @__PURE__ */ byteSet(isFieldCharacter);

/**
 * Reads one head. Bytes are taken as latin-1, looked at once, and copied.
 *
 * A response with a 1xx status other than 101 is passed over, for a final one follows it (RFC 9110
 * section 15.2); it counts toward the limits.
 */
export class HeadReader<Kind extends keyof Heads> {
  readonly #kind: Kind;
  readonly #maxHeaderSize: number;
  readonly #maxHeaders: number;

  /** The bytes that only lengthen the current element: nearly all, so these are not judged singly. */
  #element: Uint8Array = NONE;
  /** What takes any other byte: one method for each element of the grammar. */
  #step: (byte: number) => void;
  /** The current element, as far as it was read. */
  #bytes = new Uint8Array(128);
  #length = 0;

  /** Bytes read so far. */
  #size = 0;
  /** Header lines read so far. */
  #lines = 0;
  #skippedEmptyLine = false;
  #head: RequestHead | ResponseHead | undefined;
  #failure: HandshakeError | undefined;

  #method = "";
  #target = "";
  #minorVersion = 1;
  #status = 0;
  #statusText = "";
  #name = "";
  #headers = new HeaderLines();

  /**
   * Creates a reader for one head.
   *
   * @throws {TypeError | RangeError} If a limit is not a whole number from 0, or Infinity.
   */
  constructor(options: HeadReaderOptions<Kind>) {
    this.#kind = options.kind;
    this.#maxHeaderSize = readLimit("maxHeaderSize", options.maxHeaderSize, 16_384);
    this.#maxHeaders = readLimit("maxHeaders", options.maxHeaders, 128);
    this.#step = this.#inVersion;
    if (options.kind === "request") this.#expect(this.#inMethod, TOKEN);
  }

  /** The head, once all of it was read. */
  get head(): Heads[Kind] | undefined {
    return this.#head as Heads[Kind] | undefined;
  }

  /**
   * Reads on, and returns the number of bytes of the chunk that belong to the head. Once `head` is
   * set, the bytes after them are what follows it.
   *
   * @throws {HandshakeError} If the bytes are not a head of that kind (status 400, or 505 for another
   * version than HTTP/1.1) or pass a limit (431), now and at every later call. For a response the
   * status is 0: none was received.
   */
  push(chunk: Uint8Array): number {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#head !== undefined) return 0;
    const start = this.#size;
    const end = Math.min(chunk.length, this.#maxHeaderSize - start);
    for (let at = this.#keep(chunk, 0, end); at < end; at = this.#keep(chunk, at + 1, end)) {
      this.#size = start + at;
      this.#step(chunk[at]);
      if (this.#head !== undefined) return at + 1;
    }
    this.#size = start + end;
    if (chunk.length > end) this.#failTooLarge("maxHeaderSize", `${this.#maxHeaderSize} bytes`);
    return chunk.length;
  }

  /** Adds bytes to the current element while they belong to it; gives where they end. */
  #keep(chunk: Uint8Array, start: number, end: number): number {
    const element = this.#element;
    let at = start;
    while (at < end && element[chunk[at]] === 1) at++;
    const length = this.#length + at - start;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const bytes = this.#bytes;
    for (let i = start, to = this.#length; i < at; i++, to++) bytes[to] = chunk[i];
    this.#length = length;
    return at;
  }

  /** The current element, complete. */
  #take(): string {
    const text = decodeLatin1(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return text;
  }

  #expect(step: (byte: number) => void, element: Uint8Array = NONE): void {
    this.#step = step;
    this.#element = element;
  }

  // RFC 9112 section 3: request-line = method SP request-target SP HTTP-version

  #inMethod(byte: number): void {
    // Section 2.2: one empty line before the request line is passed over.
    if (byte === CR && this.#length === 0 && !this.#skippedEmptyLine) {
      this.#skippedEmptyLine = true;
      return this.#expect(this.#inEmptyLine);
    }
    if (byte !== SPACE || this.#length === 0) this.#failAt(byte, "a method");
    this.#method = this.#take();
    this.#expect(this.#inTarget, VISIBLE);
  }

  #inEmptyLine(byte: number): void {
    if (byte !== LF) this.#failAt(byte, "a line feed");
    this.#expect(this.#inMethod, TOKEN);
  }

  #inTarget(byte: number): void {
    if (byte !== SPACE || this.#length === 0) this.#failAt(byte, "a request target");
    this.#target = this.#take();
    this.#expect(this.#inVersion);
  }

  // Section 2.3: HTTP-version = "HTTP/" DIGIT "." DIGIT. It ends a request line, and begins a
  // section 4: status-line = HTTP-version SP status-code SP [ reason-phrase ]

  #inVersion(byte: number): void {
    const isRequest = this.#kind === "request";
    const at = this.#length;
    if (at < 8) {
      const fits = at === 5 || at === 7 ? isDigit(byte) : byte === "HTTP/1.1".charCodeAt(at);
      if (!fits) this.#failAt(byte, "an HTTP version");
      this.#bytes[this.#length++] = byte;
      return;
    }
    if (byte !== (isRequest ? CR : SPACE)) this.#failAt(byte, "an HTTP version");
    const version = this.#take();
    this.#minorVersion = Number(version[7]);
    // RFC 6455 section 4.1, item 2: a request is HTTP/1.1 or higher. A proxy may answer in 1.0.
    if (version[5] !== "1" || (isRequest && this.#minorVersion === 0)) {
      this.#fail(
        "HTTP_VERSION",
        `got ${version}, use HTTP/1.1 (a proxy in between must speak it)`,
        505,
      );
    }
    this.#expect(isRequest ? this.#inLineEnd : this.#inStatus);
  }

  #inStatus(byte: number): void {
    if (this.#length < 3) {
      if (!isDigit(byte) || (this.#length === 0 && byte === 0x30)) this.#failAt(byte, "a status");
      this.#bytes[this.#length++] = byte;
      return;
    }
    // The space is due even before an empty reason phrase, but some servers leave it out.
    if (byte !== SPACE && byte !== CR) this.#failAt(byte, "a space after the status");
    this.#status = Number(this.#take());
    this.#statusText = "";
    if (byte === SPACE) this.#expect(this.#inReason, FIELD);
    else this.#expect(this.#inLineEnd);
  }

  #inReason(byte: number): void {
    if (byte !== CR) this.#failAt(byte, "a reason phrase");
    this.#statusText = this.#take();
    this.#expect(this.#inLineEnd);
  }

  #inLineEnd(byte: number): void {
    if (byte !== LF) this.#failAt(byte, "a line feed");
    this.#expect(this.#inName, TOKEN);
  }

  // Section 5: field-line = field-name ":" OWS field-value OWS

  #inName(byte: number): void {
    if (this.#length === 0) {
      if (byte === CR) return this.#expect(this.#inHeadEnd);
      // Section 5.2: a line that begins with a space would continue the one before.
      this.#failAt(byte, isSpace(byte) ? "a header name, not a folded line" : "a header name");
    }
    // Section 5.1: no space between the name and the colon.
    if (byte !== COLON) this.#failAt(byte, "a colon after the header name");
    if (this.#lines++ >= this.#maxHeaders) {
      this.#failTooLarge("maxHeaders", `${this.#maxHeaders} header lines`);
    }
    this.#name = this.#take();
    this.#expect(this.#inValue, FIELD);
  }

  #inValue(byte: number): void {
    if (byte !== CR) this.#failAt(byte, `a value of the header ${quote(this.#name)}`);
    this.#headers.append(this.#name, trimSpace(this.#take()));
    this.#expect(this.#inLineEnd);
  }

  #inHeadEnd(byte: number): void {
    if (byte !== LF) this.#failAt(byte, "a line feed");
    if (this.#kind === "request") {
      this.#finish({ method: this.#method, target: this.#target, headers: this.#headers });
    } else if (this.#status < 200 && this.#status !== 101) {
      this.#headers = new HeaderLines();
      this.#expect(this.#inVersion);
    } else {
      this.#finish({
        minorVersion: this.#minorVersion,
        status: this.#status,
        statusText: this.#statusText,
        headers: this.#headers,
      });
    }
  }

  #finish(head: RequestHead | ResponseHead): void {
    this.#head = head;
    this.#bytes = new Uint8Array(0);
  }

  #failAt(byte: number, expected: string): never {
    const found = `0x${byte.toString(16).padStart(2, "0")}`;
    let why = `expected ${expected}, found byte ${found} at offset ${this.#size}`;
    if (this.#size === 0 && (byte === 0x15 || byte === 0x16)) why += " (it looks like TLS)";
    this.#fail("HEAD_MALFORMED", why, 400);
  }

  #failTooLarge(option: string, limit: string): never {
    this.#fail("HEAD_TOO_LARGE", `it has more than ${limit} (option ${option})`, 431);
  }

  #fail(code: HandshakeErrorCode, why: string, status: number): never {
    this.#bytes = new Uint8Array(0);
    this.#failure = new HandshakeError(code, `Cannot read ${this.#kind} head: ${why}`, {
      status: this.#kind === "request" ? status : 0,
    });
    throw this.#failure;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Reads a head that is known to be valid and complete: one that was sent. */
export function readHead<Kind extends keyof Heads>(kind: Kind, bytes: Uint8Array): Heads[Kind] {
  const reader = new HeadReader({ kind, maxHeaderSize: Infinity, maxHeaders: Infinity });
  reader.push(bytes);
  return reader.head!;
}
