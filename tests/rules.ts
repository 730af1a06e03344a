/**
 * Each MUST, MUST NOT, SHOULD and SHOULD NOT of RFC 6455 sections 4, 5, 7 and 8, in words of our own,
 * with the names of the tests that fail when it is broken.
 */

import type { Rule } from "./rules/rule.ts";
import { section4Client } from "./rules/section4_client.ts";
import { section4Connecting } from "./rules/section4_connecting.ts";
import { section4Server } from "./rules/section4_server.ts";
import { section5Control } from "./rules/section5_control.ts";
import { section5Frames } from "./rules/section5_frames.ts";
import { section7 } from "./rules/section7.ts";

/** All rules, in the order of the RFC. */
export const rules: readonly Rule[] = [
  ...section4Connecting,
  ...section4Client,
  ...section4Server,
  ...section5Frames,
  ...section5Control,
  ...section7,
];
