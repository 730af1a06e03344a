/**
 * As much of an Ethereum node as clients of its JSON-RPC need: a chain's number, and the heads of its
 * blocks to those that subscribe.
 *
 * @module
 */
import { script, type Served } from "./support.ts";

/** The number of the chain. */
export const CHAIN = 1337;

const SUBSCRIPTION = "0xcd0c3e8af590364c09d0fa6a1210faf5";

/** What a test does with the chain. */
export interface EthereumServer {
  /** Resolves when a client has subscribed to the heads. */
  readonly subscribed: Promise<void>;
  /** Resolves when it has ended that. */
  readonly unsubscribed: Promise<void>;
  /** Adds a block. */
  mine(): void;
}

interface Request {
  id: number;
  method: string;
}

/** Has a server answer as a node does. */
export function answerEthereum(served: Served): EthereumServer {
  const subscribed = Promise.withResolvers<void>(), unsubscribed = Promise.withResolvers<void>();
  let block = 0;
  let notify = (_: unknown): void => {};
  const hex = (number: number): string => `0x${number.toString(16)}`;

  script(served, (text, send) => {
    const answer = ({ id, method }: Request): object => {
      const result = (result: unknown): object => ({ jsonrpc: "2.0", id, result });
      switch (method) {
        case "eth_chainId":
          return result(hex(CHAIN));
        case "eth_blockNumber":
          return result(hex(block));
        case "eth_subscribe":
          notify = (params) =>
            send(JSON.stringify({ jsonrpc: "2.0", method: "eth_subscription", params }));
          return result(SUBSCRIPTION);
        case "eth_unsubscribe":
          return result(true);
        default:
          return { jsonrpc: "2.0", id, error: { code: -32601, message: `no ${method}` } };
      }
    };
    const request = JSON.parse(text) as Request | Request[];
    send(JSON.stringify(Array.isArray(request) ? request.map(answer) : answer(request)));
    if (text.includes("eth_subscribe")) subscribed.resolve();
    if (text.includes("eth_unsubscribe")) unsubscribed.resolve();
  });

  return {
    subscribed: subscribed.promise,
    unsubscribed: unsubscribed.promise,
    mine(): void {
      block++;
      notify({ subscription: SUBSCRIPTION, result: { number: hex(block) } });
    },
  };
}
