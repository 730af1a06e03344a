/**
 * What is common to all connections. No test is registered here: the users' sides are run in other
 * processes as well.
 *
 * @module
 */
import { busyCases } from "./busy.ts";
import type { Case } from "./case.ts";
import { closingCases } from "./closing.ts";
import { compressionCase } from "./compression.ts";
import { messageCases } from "./messages.ts";
import { pressureCases } from "./pressure.ts";

/** Every case, that of compression last. */
export const connectionCases: readonly Case[] = [
  ...messageCases,
  ...closingCases,
  ...busyCases,
  ...pressureCases,
  compressionCase,
];
