/**
 * Reads the head of an HTTP/1.1 message (RFC 9112 sections 2 to 5) from chunks of any size.
 *
 * It is strict where other readers are lenient, because what two readers of one byte stream take
 * differently is how requests are smuggled: lines end with CRLF, no line is folded, no space stands
 * before a colon.
 *
 * @module
 */

import { HandshakeError } from "../errors.ts";
import { readLimit } from "../limits.ts";
import { isFieldCharacter, isSpace, isTokenCharacter, quote } from "./grammar.ts";
import { HeaderLines } from "./head.ts";
import type { RequestHead, ResponseHead } from "./head.ts";

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

  /** What takes the next byte: one method for each element of the grammar. */
  #step: (byte: number) => void;
  #head: RequestHead | ResponseHead | undefined;
  #failure: HandshakeError | undefined;
  /** Bytes taken so far. */
  #size = 0;
  /** Header lines begun so far. */
  #lines = 0;
  #skippedEmptyLine = false;

  /** The element that is being read, and its length without the spaces at its end. */
  #bytes = new Uint8Array(128);
  #length = 0;
  #trimmedLength = 0;

  #method = "";
  #target = "";
  #minorVersion = 1;
  #status = 0;
  #statusText = "";
  #name = "";
  #headers = new HeaderLines();

  /**
   * Makes a reader for one head.
   *
   * @throws {TypeError | RangeError} if a limit is no whole number from 0, or Infinity.
   */
  constructor(options: HeadReaderOptions<Kind>) {
    this.#kind = options.kind;
    this.#maxHeaderSize = readLimit("maxHeaderSize", options.maxHeaderSize, 16_384);
    this.#maxHeaders = readLimit("maxHeaders", options.maxHeaders, 128);
    this.#step = options.kind === "request" ? this.#inRequestStart : this.#inVersion;
  }

  /** The head, once all of it was read. */
  get head(): Heads[Kind] | undefined {
    return this.#head as Heads[Kind] | undefined;
  }

  /**
   * Reads on, and gives the number of bytes of the chunk that belong to the head. Once `head` is
   * set, the bytes after them are what follows it.
   *
   * @throws {HandshakeError} if the bytes are no head of that kind (status 400, or 505 for another
   * version than HTTP/1.1) or pass a limit (431), now and at every later call. For a response the
   * status is 0: none was received.
   */
  push(chunk: Uint8Array): number {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#head !== undefined) return 0;
    const end = Math.min(chunk.length, this.#maxHeaderSize - this.#size);
    for (let i = 0; i < end; i++) {
      this.#step(chunk[i]);
      this.#size++;
      if (this.#head !== undefined) return i + 1;
    }
    if (chunk.length > end) this.#failTooLarge("maxHeaderSize", `${this.#maxHeaderSize} bytes`);
    return chunk.length;
  }

  // RFC 9112 section 3: request-line = method SP request-target SP HTTP-version

  #inRequestStart(byte: number): void {
    // Section 2.2: one empty line before the request line is passed over.
    if (byte === CR && !this.#skippedEmptyLine) {
      this.#skippedEmptyLine = true;
      this.#step = this.#inEmptyLine;
      return;
    }
    this.#step = this.#inMethod;
    this.#inMethod(byte);
  }

  #inEmptyLine(byte: number): void {
    if (byte !== LF) this.#failAt(byte, "a line feed");
    this.#step = this.#inRequestStart;
  }

  #inMethod(byte: number): void {
    if (isTokenCharacter(byte)) return this.#keep(byte);
    if (byte !== SPACE || this.#length === 0) this.#failAt(byte, "a method");
    this.#method = this.#takeText();
    this.#step = this.#inTarget;
  }

  #inTarget(byte: number): void {
    if (byte > SPACE && byte < 0x7f) return this.#keep(byte);
    if (byte !== SPACE || this.#length === 0) this.#failAt(byte, "a request target");
    this.#target = this.#takeText();
    this.#step = this.#inVersion;
  }

  // RFC 9112 section 2.3: HTTP-version = "HTTP/" DIGIT "." DIGIT, then the end of a request line, or
  // section 4: status-line = HTTP-version SP status-code SP [ reason-phrase ]

  #inVersion(byte: number): void {
    const at = this.#length;
    if (at < 8) {
      const fits = at === 5 || at === 7 ? isDigit(byte) : byte === "HTTP/1.1".charCodeAt(at);
      if (!fits) this.#failAt(byte, "an HTTP version");
      return this.#keep(byte);
    }
    if (byte !== (this.#kind === "request" ? CR : SPACE)) this.#failAt(byte, "an HTTP version");
    const version = this.#takeText();
    this.#minorVersion = version.charCodeAt(7) - 0x30;
    // RFC 6455 section 4.1, item 2: a request is HTTP/1.1 or higher. A proxy may answer in 1.0.
    if (version[5] !== "1" || (this.#kind === "request" && this.#minorVersion === 0)) {
      this.#fail("HTTP_VERSION", `got ${version}, use HTTP/1.1`, 505);
    }
    this.#step = this.#kind === "request" ? this.#inLineEnd : this.#inStatus;
  }

  #inStatus(byte: number): void {
    if (this.#length < 3) {
      if (!isDigit(byte) || (this.#length === 0 && byte === 0x30)) this.#failAt(byte, "a status");
      return this.#keep(byte);
    }
    // The space is due even before an empty reason phrase, but some servers leave it out.
    if (byte !== SPACE && byte !== CR) this.#failAt(byte, "a space after the status");
    this.#status = Number(this.#takeText());
    this.#statusText = "";
    this.#step = byte === SPACE ? this.#inReason : this.#inLineEnd;
  }

  #inReason(byte: number): void {
    if (isFieldCharacter(byte)) return this.#keep(byte);
    if (byte !== CR) this.#failAt(byte, "a reason phrase");
    this.#statusText = this.#takeText();
    this.#step = this.#inLineEnd;
  }

  // RFC 9112 section 5: field-line = field-name ":" OWS field-value OWS

  #inLineEnd(byte: number): void {
    if (byte !== LF) this.#failAt(byte, "a line feed");
    this.#step = this.#inLineStart;
  }

  #inLineStart(byte: number): void {
    if (byte === CR) {
      this.#step = this.#inHeadEnd;
      return;
    }
    if (this.#lines >= this.#maxHeaders) {
      this.#failTooLarge("maxHeaders", `${this.#maxHeaders} header lines`);
    }
    this.#lines++;
    // Section 5.2: a line that begins with a space would continue the one before.
    if (isSpace(byte)) this.#failAt(byte, "a header name, not a folded line");
    this.#step = this.#inName;
    this.#inName(byte);
  }

  #inName(byte: number): void {
    if (isTokenCharacter(byte)) return this.#keep(byte);
    // Section 5.1: no space between the name and the colon.
    if (byte !== COLON || this.#length === 0) {
      this.#failAt(byte, this.#length === 0 ? "a header name" : "a colon after the header name");
    }
    this.#name = this.#takeText();
    this.#step = this.#inValue;
  }

  #inValue(byte: number): void {
    if (isSpace(byte)) {
      if (this.#length > 0) this.#keep(byte);
    } else if (isFieldCharacter(byte)) {
      this.#keep(byte);
      this.#trimmedLength = this.#length;
    } else if (byte === CR) {
      this.#length = this.#trimmedLength;
      this.#headers.append(this.#name, this.#takeText());
      this.#step = this.#inLineEnd;
    } else {
      this.#failAt(byte, `a value of the header ${quote(this.#name)}`);
    }
  }

  #inHeadEnd(byte: number): void {
    if (byte !== LF) this.#failAt(byte, "a line feed");
    if (this.#kind === "request") {
      this.#finish({ method: this.#method, target: this.#target, headers: this.#headers });
    } else if (this.#status < 200 && this.#status !== 101) {
      this.#headers = new HeaderLines();
      this.#step = this.#inVersion;
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

  #keep(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }

  /** The element that was kept. (A TextDecoder's "latin1" is windows-1252: not one to one.) */
  #takeText(): string {
    let text = "";
    for (let start = 0; start < this.#length; start += 4096) {
      const piece = this.#bytes.subarray(start, Math.min(start + 4096, this.#length));
      text += String.fromCharCode(...piece);
    }
    this.#length = 0;
    this.#trimmedLength = 0;
    return text;
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

  #fail(code: string, why: string, status: number): never {
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
