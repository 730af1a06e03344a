/**
 * Compression (RFC 7692), where both ends agree on it.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Case } from "./case.ts";

const TEXT = "the same, and the same again. ".repeat(40);

/** The case: the peer agrees on compression, and an adapter that can use it does. */
export const compressionCase: Case = {
  name: "messages are compressed both ways, or that option is refused by name",
  options: { perMessageDeflate: true },
  compresses: true,
  user: () => ({ message: (connection, data) => void connection.send(data) }),
  async test({ peer, told, agreed, findings }): Promise<void> {
    findings.compression = agreed;
    if (agreed) await peer.sayCompressed(TEXT);
    else await peer.say(TEXT);
    const { data, compressed } = await peer.message();
    assert.equal(data, TEXT);
    assert.ok(agreed || !compressed);
    findings.deflates = compressed;
    await peer.closeWith();
    await told.closed();
  },
};
