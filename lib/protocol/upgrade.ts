/**
 * The opening handshake over HTTP/1.1 (RFC 6455 section 4) without I/O, for both roles: bytes go in, and
 * what is to be sent comes out.
 *
 * @module
 */
import { type HandshakeError, refusalFor } from "../errors.ts";
import { concat } from "../frame/memory.ts";
import type { Role } from "../frame/opcode.ts";
import { acceptHead, chooseProtocol, refusalBytes } from "../handshake/answer.ts";
import type { HeaderEntries } from "../handshake/caller_headers.ts";
import { requestFor } from "../handshake/client.ts";
import { checkResponse, type ClientOffer, failExtensions } from "../handshake/client_response.ts";
import { checkProtocols, parseWebSocketURL } from "../handshake/client_url.ts";
import { HeadReader } from "../handshake/head_reader.ts";
import { type HostPolicy, readHostPolicy } from "../handshake/host.ts";
import { createKey } from "../handshake/key.ts";
import { type OriginPolicy, readOriginPolicy } from "../handshake/origin.ts";
import { listProtocols } from "../handshake/protocols.ts";
import { toRequest, type UpgradeRequest, validateRequest } from "../handshake/server.ts";
import type { MessageExtension } from "../message/extension.ts";
import { checkNames, type OptionNames } from "../options.ts";
import { clientOffer } from "./client_offer.ts";
import {
  acceptExtensions,
  type ExtensionDefinition,
  offersOf,
  readAgreedExtensions,
  readExtensions,
} from "./extension_list.ts";
import { CONNECTION_OPTIONS, type ConnectionOptions } from "./options.ts";
import { readConnectionOptions, type ResolvedConnectionOptions } from "./protocol_options.ts";
import type { ProtocolInit } from "./protocol.ts";

/** What a handshake has agreed on. */
export interface Upgraded {
  /** The subprotocol, or `""`. */
  readonly protocol: string;
  /** The extensions as in the header, or `""`. */
  readonly extensions: string;
  /** What came behind the head: the first bytes for `receive` of the protocol, valid in this pass. */
  readonly rest: Uint8Array;
  /** What the {@linkcode Protocol} of the open connection is created with. */
  readonly init: ProtocolInit;
}

/** How long a head may be. */
export interface HeadLimits {
  /** The longest head, in bytes. @default {16384} */
  maxHeaderSize?: number;
  /** The most header lines. @default {128} */
  maxHeaders?: number;
}

/** The options of a {@linkcode ClientUpgrade}. */
export interface ClientUpgradeOptions extends ConnectionOptions, HeadLimits {
  /** The extensions to offer, in the order in which they apply to what is sent. @default {[]} */
  extensions?: readonly ExtensionDefinition[];
  /** The subprotocols to offer, the preferred first. @default {[]} */
  protocols?: string | readonly string[];
  /** Headers to add. */
  headers?: HeaderEntries;
}

/** The options of a {@linkcode ServerUpgrade}. */
export interface ServerUpgradeOptions extends ConnectionOptions, HeadLimits {
  /** The extensions that can be agreed on; the client's order counts. @default {[]} */
  extensions?: readonly ExtensionDefinition[];
  /** The subprotocols the server speaks, the preferred first. @default {[]} */
  protocols?: string | readonly string[];
  /** Whether TLS protects the connection. @default {false} */
  secure?: boolean;
  /** Which origins may connect. @default {those of the same host} */
  origins?: OriginPolicy;
  /** Which hosts the server answers to. @default {any} */
  hosts?: HostPolicy;
}

/** What a server accepts with. */
export interface AcceptanceOptions {
  /** The subprotocol. @default {the first of the server's that the client offers} */
  protocol?: string;
  /** Headers to add to the response. */
  headers?: HeaderEntries;
}

/** What a server sends to accept, and what was agreed on. */
export interface Acceptance extends Upgraded {
  /** The bytes of the 101 response. */
  readonly response: Uint8Array<ArrayBuffer>;
}

const CLIENT_OPTIONS: OptionNames<ClientUpgradeOptions> = /* @__PURE__ */ clientOptions();
const SERVER_OPTIONS: OptionNames<ServerUpgradeOptions> = /* @__PURE__ */ serverOptions();
const ACCEPTANCE: OptionNames<AcceptanceOptions> = { protocol: true, headers: true };

function clientOptions(): OptionNames<ClientUpgradeOptions> {
  return {
    ...CONNECTION_OPTIONS,
    extensions: true,
    protocols: true,
    headers: true,
    maxHeaderSize: true,
    maxHeaders: true,
  };
}

function serverOptions(): OptionNames<ServerUpgradeOptions> {
  return {
    ...CONNECTION_OPTIONS,
    extensions: true,
    protocols: true,
    secure: true,
    origins: true,
    hosts: true,
    maxHeaderSize: true,
    maxHeaders: true,
  };
}

/** The client's side: sends `request`, and reads the answer. */
export class ClientUpgrade {
  /** The bytes to send. */
  readonly request: Uint8Array<ArrayBuffer>;
  readonly #offer: ClientOffer;
  readonly #extensions: readonly ExtensionDefinition[];
  readonly #options: ResolvedConnectionOptions;
  readonly #reader: HeadReader<"response">;

  /**
   * Creates the request.
   *
   * @throws {DOMException} SyntaxError If the URL or a subprotocol is invalid.
   * @throws {TypeError | RangeError} If an option is unknown or invalid.
   */
  constructor(url: string | URL, options: ClientUpgradeOptions = {}) {
    checkNames(options, CLIENT_OPTIONS);
    const target = parseWebSocketURL(url), protocols = checkProtocols(options.protocols);
    const settings = this.#options = readConnectionOptions(options);
    this.#extensions = readExtensions(options.extensions, settings.perMessageDeflate);
    const extensions = offersOf(this.#extensions), { headers } = options;
    const { offer, terms } = clientOffer(target, { protocols, headers, extensions });
    const key = createKey();
    this.#offer = { ...terms, key };
    this.request = requestFor(target, { ...offer, key });
    this.#reader = new HeadReader({ kind: "response", ...limitsOf(options) });
  }

  /**
   * Takes what the server sends, and returns what was agreed on once its answer is complete.
   *
   * @throws {HandshakeError} If the server refuses, or its answer is invalid.
   * @throws {TypeError} If its answer is complete already: what follows is for the protocol.
   */
  receive(chunk: Uint8Array): Upgraded | undefined {
    if (this.#reader.head !== undefined) throw completeError();
    const used = this.#reader.push(chunk), { head } = this.#reader;
    if (head === undefined) return undefined;
    const { protocol, extensions: answered } = checkResponse(head, this.#offer);
    const extensions = readAgreedExtensions(
      answered,
      this.#extensions,
      (why, cause) => failExtensions(head, why, cause),
    );
    const agreed = { protocol, extensions, options: this.#options, rest: chunk.subarray(used) };
    return upgradedOf("client", agreed);
  }
}

/** The server's side: reads a request, and accepts or refuses it. */
export class ServerUpgrade {
  readonly #options: ResolvedConnectionOptions;
  readonly #extensions: readonly ExtensionDefinition[];
  readonly #protocols: string[];
  readonly #policies: { secure: boolean; origins?: OriginPolicy; hosts?: HostPolicy };
  readonly #reader: HeadReader<"request">;
  #request: UpgradeRequest | undefined;
  #rest = new Uint8Array(0);
  #accepted = false;

  /**
   * Creates the handshake of one client.
   *
   * @throws {TypeError | RangeError} If an option is unknown or invalid.
   */
  constructor(options: ServerUpgradeOptions = {}) {
    checkNames(options, SERVER_OPTIONS);
    const settings = this.#options = readConnectionOptions(options);
    this.#extensions = readExtensions(options.extensions, settings.perMessageDeflate);
    this.#protocols = listProtocols(options.protocols);
    const origins = readOriginPolicy(options.origins), hosts = readHostPolicy(options.hosts);
    const { secure = false } = options;
    this.#policies = { secure, ...(origins && { origins }), ...(hosts && { hosts }) };
    this.#reader = new HeadReader({ kind: "request", ...limitsOf(options) });
  }

  /**
   * Takes what the client sends, and returns its request once it is complete: then call `accept`, or
   * send a refusal of your own. What comes between the two is added to `rest`.
   *
   * @throws {HandshakeError} If the request is invalid, or its host or origin is not accepted: send
   * what `refuse` returns.
   * @throws {TypeError} If the request was accepted already: what follows is for the protocol.
   */
  receive(chunk: Uint8Array): Request | undefined {
    if (this.#accepted) throw completeError();
    const isComplete = this.#reader.head !== undefined;
    const used = this.#reader.push(chunk), { head } = this.#reader;
    if (head === undefined) return undefined;
    this.#rest = concat(this.#rest, chunk.subarray(used));
    if (isComplete) return undefined;
    this.#request = validateRequest(head, this.#policies);
    return toRequest(this.#request);
  }

  /**
   * Accepts the request that `receive` has returned.
   *
   * @throws {TypeError} If no valid request has been received, an option is unknown or invalid, or the
   * client does not offer the subprotocol.
   */
  accept(options: AcceptanceOptions = {}): Acceptance {
    checkNames(options, ACCEPTANCE);
    const request = this.#request;
    if (request === undefined) {
      throw new TypeError("Cannot accept handshake: no valid request has been received");
    }
    const protocol = chooseProtocol(request.protocols, {
      chosen: options.protocol,
      supported: this.#protocols,
    });
    const agreed = {
      protocol,
      extensions: acceptExtensions(request.extensions, this.#extensions),
      options: this.#options,
      rest: this.#rest,
    };
    const upgraded = upgradedOf("server", agreed);
    const { extensions } = upgraded;
    const { headers } = options;
    const response = acceptHead({ key: request.key, protocol, extensions, headers });
    this.#accepted = true;
    return { ...upgraded, response };
  }

  /** Returns the bytes that answer an error: its status, its headers and its text. */
  refuse(error: HandshakeError): Uint8Array<ArrayBuffer> {
    return refusalBytes(refusalFor(error), this.#reader.head?.method);
  }
}

function completeError(): TypeError {
  return new TypeError(
    "Cannot receive: the handshake is complete; what follows it is for Protocol.receive",
  );
}

function limitsOf({ maxHeaderSize, maxHeaders }: HeadLimits): HeadLimits {
  return {
    ...(maxHeaderSize !== undefined && { maxHeaderSize }),
    ...(maxHeaders !== undefined && { maxHeaders }),
  };
}

function upgradedOf(
  role: Role,
  { protocol, extensions, options, rest }: {
    protocol: string;
    extensions: readonly MessageExtension[];
    options: ResolvedConnectionOptions;
    rest: Uint8Array;
  },
): Upgraded {
  const header = extensions.map((each) => each.header).join(", ");
  return { protocol, extensions: header, rest, init: { role, extensions, options } };
}
