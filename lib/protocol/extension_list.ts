/**
 * Extensions that a handshake can agree on (RFC 6455 section 9), as a list.
 *
 * @module
 */
import {
  acceptDeflate,
  offerDeflate,
  PER_MESSAGE_DEFLATE,
  readDeflateResponse,
} from "../deflate/negotiation.ts";
import { PerMessageDeflate } from "../deflate/extension.ts";
import {
  type PerMessageDeflateOptions,
  readPerMessageDeflate,
  type ResolvedPerMessageDeflate,
} from "../deflate/options.ts";
import type { Role } from "../frame/opcode.ts";
import { RSV, RSV1 } from "../frame/opcode.ts";
import { isToken, quote } from "../handshake/grammar.ts";
import type { ExtensionOffer, MessageExtension } from "../message/extension.ts";
import { checkMethods, checkNames, type OptionNames, typeName } from "../options.ts";

/** An extension that this end can agree on. */
export interface ExtensionDefinition {
  /** Its name, a token. */
  readonly name: string;
  /**
   * The reserved bits that it sets on the first frame of a message that it has transformed: 0x40, 0x20, 0x10,
   * or several of them. Of two extensions with a bit in common only the first is agreed on.
   */
  readonly rsv: number;
  /** Returns the parameters that a client offers. @default {none} */
  offer?(): ExtensionOffer["params"];
  /**
   * Creates the extension of one connection. A server is given a client's offer, and answers with the
   * `header` of what it returns; undefined declines the offer. A client is given the server's answer: if
   * it returns undefined, or throws an error that says why, the handshake fails.
   */
  create(role: Role, offer: ExtensionOffer): MessageExtension | undefined;
}

const DEFINITION: OptionNames<ExtensionDefinition> = {
  name: true,
  rsv: true,
  offer: true,
  create: true,
};

/**
 * Returns permessage-deflate (RFC 7692) as an entry of the list `extensions`: where its place among others
 * matters. The option `perMessageDeflate` puts it last.
 *
 * @throws {TypeError | RangeError} If an option is unknown or invalid.
 */
export function perMessageDeflate(
  options: true | PerMessageDeflateOptions = true,
): ExtensionDefinition {
  return deflateDefinition(readPerMessageDeflate(options)!);
}

function deflateDefinition(settings: ResolvedPerMessageDeflate): ExtensionDefinition {
  const { level, threshold } = settings;
  return {
    name: PER_MESSAGE_DEFLATE,
    rsv: RSV1,
    offer: () => offerDeflate(settings).params,
    create(role, offer): MessageExtension | undefined {
      const agreement = role === "server"
        ? acceptDeflate([offer], settings)
        : readDeflateResponse([offer], settings);
      if (typeof agreement === "string") throw new TypeError(agreement);
      return agreement && new PerMessageDeflate({ role, agreement, level, threshold });
    },
  };
}

/**
 * Returns the list of the options `extensions` and `perMessageDeflate`.
 *
 * @throws {TypeError} If it is not a list of definitions, or a name comes twice.
 */
export function readExtensions(
  given: readonly ExtensionDefinition[] | undefined,
  deflate: ResolvedPerMessageDeflate | undefined,
): readonly ExtensionDefinition[] {
  if (given !== undefined && !Array.isArray(given)) {
    throw new TypeError(
      `Cannot read options: extensions must be a list of definitions, got ${typeName(given)}`,
    );
  }
  const list = [...given ?? [], ...deflate === undefined ? [] : [deflateDefinition(deflate)]];
  for (const definition of list) checkDefinition(definition);
  const names = list.map(({ name }) => name);
  const repeated = names.find((name, at) => names.indexOf(name) !== at);
  if (repeated === undefined) return list;
  throw new TypeError(`Cannot read options: the extension ${repeated} is given twice`);
}

function checkDefinition(definition: ExtensionDefinition): void {
  const what = "read options: each of extensions must be an object with name, rsv and create";
  checkMethods(what, definition, "create");
  const isPlain = Object.getPrototypeOf(definition) === Object.prototype;
  if (isPlain) checkNames(definition, DEFINITION, { prefix: "extensions[]." });
  const { name, rsv } = definition;
  if (typeof name !== "string" || !isToken(name)) {
    throw new TypeError(
      `Cannot read options: the extension's name ${quote(`${name}`)} is not a token`,
    );
  }
  if (!Number.isInteger(rsv) || rsv === 0 || (rsv & ~RSV) !== 0) {
    throw new TypeError(
      `Cannot read options: rsv of ${name} must be 0x40, 0x20, 0x10 or several of them, got ${rsv}`,
    );
  }
}

/** Returns what a client offers. */
export function offersOf(list: readonly ExtensionDefinition[]): ExtensionOffer[] {
  return list.map((each) => ({ name: each.name, params: each.offer?.() ?? new Map() }));
}

/** Returns what a server agrees on, of a client's offers: in their order, of each name the first. */
export function acceptExtensions(
  offers: readonly ExtensionOffer[],
  list: readonly ExtensionDefinition[],
): MessageExtension[] {
  const agreed = new Map<string, MessageExtension>();
  let bits = 0;
  for (const offer of offers) {
    const definition = list.find(({ name }) => name === offer.name);
    if (definition === undefined || agreed.has(offer.name) || (definition.rsv & bits) !== 0) {
      continue;
    }
    const extension = definition.create("server", offer);
    if (extension === undefined) continue;
    agreed.set(offer.name, extension);
    bits |= definition.rsv;
  }
  return [...agreed.values()];
}

/**
 * Returns what a client has agreed on, by the server's answer.
 *
 * @param fail Throws the error for an answer that does not hold; it is given why.
 */
export function readAgreedExtensions(
  answer: readonly ExtensionOffer[],
  list: readonly ExtensionDefinition[],
  fail: (why: string, cause?: unknown) => never,
): MessageExtension[] {
  let bits = 0;
  return answer.map((offer, at) => {
    const definition = list.find(({ name }) => name === offer.name)!;
    if (answer.findIndex(({ name }) => name === offer.name) !== at) {
      fail(`${offer.name} came twice`);
    }
    if ((definition.rsv & bits) !== 0) {
      fail(`${offer.name} uses a reserved bit of one before it`);
    }
    bits |= definition.rsv;
    let extension: MessageExtension | undefined;
    try {
      extension = definition.create("client", offer);
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error), error);
    }
    return extension ?? fail(`the parameters of ${offer.name} are not accepted`);
  });
}
