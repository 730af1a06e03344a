import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  acceptDeflate,
  type DeflateAgreement,
  offerDeflate,
  readDeflateResponse,
} from "../../lib/deflate/negotiation.ts";
import {
  type PerMessageDeflateOptions,
  readPerMessageDeflate,
  type ResolvedPerMessageDeflate,
} from "../../lib/deflate/options.ts";
import { formatExtensions, parseExtensions } from "../../lib/handshake/grammar.ts";

const options = (given: PerMessageDeflateOptions = {}): ResolvedPerMessageDeflate =>
  readPerMessageDeflate(given)!;

/** The header of a client's offer. */
const offered = (given?: PerMessageDeflateOptions): string =>
  formatExtensions([offerDeflate(options(given))]);

/** What a server answers to a header; undefined: nothing. */
const accepted = (header: string, given?: PerMessageDeflateOptions): DeflateAgreement | undefined =>
  acceptDeflate(parseExtensions(header), options(given));

/** What a client makes of an answer. */
const read = (
  header: string,
  given?: PerMessageDeflateOptions,
): DeflateAgreement | string | undefined =>
  readDeflateResponse(parseExtensions(header), options(given));

/** An agreement in short: takeover of the server's and the client's contexts, and their windows. */
function short(agreement: DeflateAgreement | string | undefined): string {
  if (typeof agreement !== "object") return `${agreement}`;
  const { serverNoContextTakeover, clientNoContextTakeover } = agreement;
  return `${serverNoContextTakeover ? "none" : "keep"} ${agreement.serverMaxWindowBits}, ${
    clientNoContextTakeover ? "none" : "keep"
  } ${agreement.clientMaxWindowBits}`;
}

const BAD_BITS = [
  ...["", "7", "16", "99", "0", "08", "015", "016", "8.0", "+9", "-9", "1e1", "0x9", "9a", "NaN"],
  ...["constructor", "15".repeat(200)],
];

const PMD = "permessage-deflate";
const CLIENT_BITS_TWICE = '"client_max_window_bits" came more than once';

describe("permessage-deflate: what a client offers", () => {
  it("7.1: by default the extension, and that it can be told a limit", () => {
    assert.equal(offered(), `${PMD}; client_max_window_bits`);
  });

  it("7.1: each parameter that is asked for", () => {
    const rows: [PerMessageDeflateOptions, string][] = [
      [{ serverNoContextTakeover: true }, "server_no_context_takeover; client_max_window_bits"],
      [{ clientNoContextTakeover: true }, "client_no_context_takeover; client_max_window_bits"],
      [{ serverMaxWindowBits: 8 }, "server_max_window_bits=8; client_max_window_bits"],
      [{ clientMaxWindowBits: 10 }, "client_max_window_bits=10"],
    ];
    for (const [given, params] of rows) assert.equal(offered(given), `${PMD}; ${params}`);
  });
});

describe("permessage-deflate: what a server accepts", () => {
  it("7.1: each parameter, and what is answered", () => {
    // The offer, the server's options, the answer, the agreement.
    const rows: [string, PerMessageDeflateOptions, string, string][] = [
      ["", {}, "", "keep 15, keep 15"],
      ["; client_max_window_bits", {}, "", "keep 15, keep 15"],
      // 7.1.1.1
      [
        "; server_no_context_takeover",
        {},
        "; server_no_context_takeover",
        "none 15, keep 15",
      ],
      ["", { serverNoContextTakeover: true }, "; server_no_context_takeover", "none 15, keep 15"],
      // 7.1.1.2
      [
        "; client_no_context_takeover",
        {},
        "; client_no_context_takeover",
        "keep 15, none 15",
      ],
      ["", { clientNoContextTakeover: true }, "; client_no_context_takeover", "keep 15, none 15"],
      // 7.1.2.1
      ["; server_max_window_bits=8", {}, "; server_max_window_bits=8", "keep 8, keep 15"],
      ["; server_max_window_bits=15", {}, "; server_max_window_bits=15", "keep 15, keep 15"],
      ['; server_max_window_bits="12"', {}, "; server_max_window_bits=12", "keep 12, keep 15"],
      ["", { serverMaxWindowBits: 9 }, "; server_max_window_bits=9", "keep 9, keep 15"],
      [
        "; server_max_window_bits=12",
        { serverMaxWindowBits: 9 },
        "; server_max_window_bits=9",
        "keep 9, keep 15",
      ],
      [
        "; server_max_window_bits=9",
        { serverMaxWindowBits: 12 },
        "; server_max_window_bits=9",
        "keep 9, keep 15",
      ],
      // 7.1.2.2
      [
        "; client_max_window_bits",
        { clientMaxWindowBits: 8 },
        "; client_max_window_bits=8",
        "keep 15, keep 8",
      ],
      [
        "; client_max_window_bits=10",
        {},
        "; client_max_window_bits=10",
        "keep 15, keep 10",
      ],
      [
        "; client_max_window_bits=10",
        { clientMaxWindowBits: 8 },
        "; client_max_window_bits=8",
        "keep 15, keep 8",
      ],
      [
        "; client_max_window_bits=10",
        { clientMaxWindowBits: 12 },
        "; client_max_window_bits=10",
        "keep 15, keep 10",
      ],
      ["; client_max_window_bits=15", {}, "", "keep 15, keep 15"],
      // All of them, in any order; the answer has its own.
      [
        "; client_max_window_bits=9; server_max_window_bits=10; client_no_context_takeover; server_no_context_takeover",
        {},
        "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9",
        "none 10, none 9",
      ],
    ];
    for (const [offer, given, answer, agreement] of rows) {
      const result = accepted(`${PMD}${offer}`, given);
      assert.deepEqual([result?.header, short(result)], [`${PMD}${answer}`, agreement], offer);
    }
  });

  it("5.1: nothing of it offered, or other extensions only, is no agreement", () => {
    assert.equal(acceptDeflate([], options()), undefined);
    for (const header of ["x-webkit-deflate-frame", "Permessage-Deflate", "permessage-deflate2"]) {
      assert.equal(accepted(header), undefined, header);
    }
  });

  it("7.1: an offer with an unknown parameter, or a value where none belongs, is declined", () => {
    const params = [
      "x",
      "x=1",
      "constructor",
      "__proto__=8",
      "mode=gzip",
      "Server_no_context_takeover",
      "server_no_context_takeover=true",
      "client_no_context_takeover=1",
    ];
    for (const param of params) {
      assert.equal(accepted(`${PMD}; ${param}`), undefined, param);
      assert.equal(accepted(`${PMD}; client_max_window_bits; ${param}`), undefined, param);
    }
  });

  it("7.1: an offer with a parameter twice is declined, and one behind it can be accepted", () => {
    for (const param of ["server_no_context_takeover", "client_max_window_bits=10", "x"]) {
      assert.equal(accepted(`${PMD}; ${param}; ${param}`), undefined, param);
      assert.equal(short(accepted(`${PMD}; ${param}; ${param}, ${PMD}`)), "keep 15, keep 15");
    }
    const both = `${PMD}; client_max_window_bits; client_max_window_bits=10`;
    assert.equal(accepted(both), undefined);
  });

  it("7.1.2: windows are 8 to 15 in plain digits, anything else declines the offer", () => {
    for (const name of ["server_max_window_bits", "client_max_window_bits"]) {
      for (const value of BAD_BITS) {
        const params = new Map([[name, value]]);
        assert.equal(acceptDeflate([{ name: PMD, params }], options()), undefined, value);
      }
    }
    assert.equal(accepted(`${PMD}; server_max_window_bits`), undefined);
    for (let bits = 8; bits <= 15; bits++) {
      assert.equal(accepted(`${PMD}; server_max_window_bits=${bits}`)?.serverMaxWindowBits, bits);
      assert.equal(accepted(`${PMD}; client_max_window_bits=${bits}`)?.clientMaxWindowBits, bits);
    }
  });

  it("7.1.2.2: a client that cannot be told a limit is declined by a server that has one", () => {
    assert.equal(accepted(PMD, { clientMaxWindowBits: 14 }), undefined);
    assert.equal(
      accepted(`${PMD}; server_no_context_takeover`, { clientMaxWindowBits: 14 }),
      undefined,
    );
  });

  it("5.1: the first offer that can be accepted is, those before it fall through", () => {
    const limit = { clientMaxWindowBits: 10 };
    const rows: [string, PerMessageDeflateOptions, string][] = [
      [`${PMD}; server_max_window_bits=10, ${PMD}`, {}, "keep 10, keep 15"],
      [`${PMD}, ${PMD}; server_max_window_bits=10`, {}, "keep 15, keep 15"],
      [
        `${PMD}; server_max_window_bits=99, ${PMD}; server_max_window_bits=9`,
        {},
        "keep 9, keep 15",
      ],
      [`mux; a=1, ${PMD}; x, ${PMD}`, {}, "keep 15, keep 15"],
      [`${PMD}, ${PMD}; client_max_window_bits`, limit, "keep 15, keep 10"],
      [`${PMD}; x, ${PMD}; y`, {}, "undefined"],
    ];
    for (const [header, given, agreement] of rows) {
      assert.equal(short(accepted(header, given)), agreement, header);
    }
  });
});

describe("permessage-deflate: what a client takes for an answer", () => {
  it("5: none is no agreement", () => {
    assert.equal(readDeflateResponse([], options()), undefined);
    assert.equal(read("mux"), undefined);
  });

  it("7.1: each parameter that a server may send", () => {
    const rows: [string, PerMessageDeflateOptions, string][] = [
      ["", {}, "keep 15, keep 15"],
      // 7.1.1: both may come unasked.
      ["; server_no_context_takeover", {}, "none 15, keep 15"],
      ["; client_no_context_takeover", {}, "keep 15, none 15"],
      ["; server_no_context_takeover", { serverNoContextTakeover: true }, "none 15, keep 15"],
      // What the client has announced of itself holds in any case.
      ["", { clientNoContextTakeover: true }, "keep 15, none 15"],
      ["", { clientMaxWindowBits: 9 }, "keep 15, keep 9"],
      // 7.1.2.1
      ["; server_max_window_bits=8", {}, "keep 8, keep 15"],
      ["; server_max_window_bits=9", { serverMaxWindowBits: 9 }, "keep 9, keep 15"],
      ["; server_max_window_bits=8", { serverMaxWindowBits: 9 }, "keep 8, keep 15"],
      // 7.1.2.2
      ["; client_max_window_bits=8", {}, "keep 15, keep 8"],
      ["; client_max_window_bits=15", {}, "keep 15, keep 15"],
      ["; client_max_window_bits=9", { clientMaxWindowBits: 9 }, "keep 15, keep 9"],
      ["; client_max_window_bits=8", { clientMaxWindowBits: 9 }, "keep 15, keep 8"],
    ];
    for (const [params, given, agreement] of rows) {
      const result = read(`${PMD}${params}`, given);
      assert.equal(short(result), agreement, params);
      assert.equal((result as DeflateAgreement).header, `${PMD}${params}`);
    }
  });

  it("the header is written in one way, however the server wrote it", () => {
    const result = read(`${PMD};client_max_window_bits="9"; server_no_context_takeover`);
    assert.equal(
      (result as DeflateAgreement).header,
      `${PMD}; server_no_context_takeover; client_max_window_bits=9`,
    );
  });

  it("7.1: what was not asked for, not granted, or makes no sense, fails", () => {
    const rows: [string, PerMessageDeflateOptions, string][] = [
      ["; x", {}, '"x" is no parameter of permessage-deflate'],
      ["; constructor=1", {}, '"constructor" is no parameter of permessage-deflate'],
      ["; server_no_context_takeover=1", {}, "server_no_context_takeover has a value"],
      ["; client_no_context_takeover=1", {}, "client_no_context_takeover has a value"],
      [
        "; client_max_window_bits",
        {},
        "client_max_window_bits must be 8 to 15, got no value",
      ],
      [
        "; server_max_window_bits",
        {},
        "server_max_window_bits must be 8 to 15, got no value",
      ],
      [
        "",
        { serverNoContextTakeover: true },
        "server_no_context_takeover was asked for and not granted",
      ],
      [
        "",
        { serverMaxWindowBits: 9 },
        "server_max_window_bits=9 was asked for and not granted",
      ],
      [
        "; server_max_window_bits=10",
        { serverMaxWindowBits: 9 },
        "server_max_window_bits=9 was asked for and not granted",
      ],
      [
        "; client_max_window_bits=10",
        { clientMaxWindowBits: 9 },
        "client_max_window_bits is over the 9 that were offered",
      ],
      ["; client_max_window_bits=9; client_max_window_bits=9", {}, CLIENT_BITS_TWICE],
      [`, ${PMD}`, {}, "permessage-deflate came more than once"],
    ];
    for (const [params, given, why] of rows) assert.equal(read(`${PMD}${params}`, given), why);
  });

  it("7.1.2: windows are 8 to 15 in plain digits, and what else came is shown at no length", () => {
    for (const name of ["server_max_window_bits", "client_max_window_bits"]) {
      for (const value of BAD_BITS) {
        const params = new Map([[name, value]]);
        const why = readDeflateResponse([{ name: PMD, params }], options());
        assert.equal(why, `${name} must be 8 to 15, got ${JSON.stringify(value.slice(0, 40))}`);
      }
    }
  });

  it("each offer is accepted by a server of ours, and each answer by the client", () => {
    const flags = [false, true], windows = [8, 9, 14, 15];
    const all: PerMessageDeflateOptions[] = flags.flatMap((serverNoContextTakeover) =>
      flags.flatMap((clientNoContextTakeover) =>
        windows.flatMap((serverMaxWindowBits) =>
          windows.map((clientMaxWindowBits) => ({
            serverNoContextTakeover,
            clientNoContextTakeover,
            serverMaxWindowBits,
            clientMaxWindowBits,
          }))
        )
      )
    );
    for (const client of all) {
      for (const server of all) {
        const answer = accepted(offered(client), server);
        assert.ok(answer !== undefined);
        assert.deepEqual(read(answer.header, client), answer);
        assert.equal(
          short(answer),
          short({
            serverNoContextTakeover: client.serverNoContextTakeover! ||
              server.serverNoContextTakeover!,
            clientNoContextTakeover: client.clientNoContextTakeover! ||
              server.clientNoContextTakeover!,
            serverMaxWindowBits: Math.min(client.serverMaxWindowBits!, server.serverMaxWindowBits!),
            clientMaxWindowBits: Math.min(client.clientMaxWindowBits!, server.clientMaxWindowBits!),
            header: "",
          }),
        );
      }
    }
  });
});
