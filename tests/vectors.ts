/** Every vector: bytes, and the frames, messages and errors that they must give. */

import { frameVectors } from "./frame/vectors.ts";
import type { Vector } from "./frame/table.ts";
import { messageVectors } from "./message/vectors.ts";

export type { Vector };

/** RFC 6455 section 5.7's own examples first, then sections 5.2, 5.1, 5.5, 5.4, 7.4, 8.1 and 10.4. */
export const vectors: readonly Vector[] = [...frameVectors, ...messageVectors];
