/**
 * What a message head of HTTP/1.1 holds (RFC 9112 section 2.1), on either side of the handshake.
 *
 * @module
 */

/**
 * Header lines in the order in which they came. Names are in lower case, since they are compared
 * without regard to case (RFC 9110 section 5.1).
 */
export class HeaderLines implements Iterable<[string, string]> {
  #lines: [string, string][] = [];

  /** Creates a list of these lines: a `Headers` object, say. Nothing is checked. */
  constructor(lines: Iterable<readonly [string, string]> = []) {
    for (const [name, value] of lines) this.append(name, value);
  }

  /** How many lines there are. */
  get size(): number {
    return this.#lines.length;
  }

  /** Adds a line. */
  append(name: string, value: string): void {
    this.#lines.push([name.toLowerCase(), value]);
  }

  /** Puts one line in place of all lines of that name (in lower case). */
  set(name: string, value: string): void {
    const first = this.#lines.findIndex((line) => line[0] === name);
    this.#lines = this.#lines.filter((line) => line[0] !== name);
    this.#lines.splice(first === -1 ? this.#lines.length : first, 0, [name, value]);
  }

  /**
   * Returns the values of all lines of that name (in lower case), joined with `", "`, those of Cookie
   * with `"; "` (RFC 9113 section 8.2.3); undefined if there is no such line.
   */
  get(name: string): string | undefined {
    const values = this.getAll(name);
    return values.length === 0 ? undefined : values.join(name === "cookie" ? "; " : ", ");
  }

  /** The value of each line of that name (in lower case). */
  getAll(name: string): string[] {
    const values: string[] = [];
    for (const line of this.#lines) if (line[0] === name) values.push(line[1]);
    return values;
  }

  /** Returns the same lines as the platform's own object. */
  toHeaders(): Headers {
    const headers = new Headers();
    for (const [name, value] of this.#lines) {
      // Deno's Headers object would join several lines of Cookie with a comma.
      if (name !== "cookie") headers.append(name, value);
      else if (!headers.has(name)) headers.append(name, this.get(name) ?? value);
    }
    return headers;
  }

  /** Goes through the lines, in order. */
  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#lines[Symbol.iterator]();
  }
}

/** The head of a request. */
export interface RequestHead {
  /** The method, in its own case: `"GET"`. */
  method: string;
  /** The request target, as sent: `"/chat?room=1"`. */
  target: string;
  /** The header lines. */
  headers: HeaderLines;
}

/** The head of a final response. */
export interface ResponseHead {
  /** The minor version of HTTP/1: 1 for `HTTP/1.1`. */
  minorVersion: number;
  /** The status: three digits, 100 to 999. */
  status: number;
  /** The reason phrase, which may be empty. */
  statusText: string;
  /** The header lines. */
  headers: HeaderLines;
}
