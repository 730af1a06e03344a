/**
 * CloseEvent and MessageEvent: the platform's, as they were when this was loaded, or classes of the same
 * interface where it has none.
 *
 * @module
 */

/** What a CloseEvent is created with. */
export interface CloseEventInit {
  /** Whether both Close frames passed. @default {false} */
  wasClean?: boolean;
  /** The close code. @default {0} */
  code?: number;
  /** The reason. @default {""} */
  reason?: string;
}

/** A connection is closed: section 6 of the WebSockets standard. */
export interface CloseEvent extends Event {
  /** Whether both Close frames passed. */
  readonly wasClean: boolean;
  /** The peer's close code; 1005 if it gave none, 1006 if it sent no Close. */
  readonly code: number;
  /** The peer's reason. */
  readonly reason: string;
}

/** The class of {@linkcode CloseEvent}. */
export interface CloseEventConstructor {
  /** Creates an event. */
  new (type: string, init?: CloseEventInit): CloseEvent;
  /** What events inherit from. */
  readonly prototype: CloseEvent;
}

/** What a MessageEvent is created with. */
export interface MessageEventInit<Data = unknown> {
  /** The message. @default {null} */
  data?: Data;
  /** The origin of the sender. @default {""} */
  origin?: string;
}

/** A message has come: section 9.1 of the HTML standard. */
export interface MessageEvent<Data = unknown> extends Event {
  /** The message. */
  readonly data: Data;
  /** The origin of the sender. */
  readonly origin: string;
}

/** The class of {@linkcode MessageEvent}. */
export interface MessageEventConstructor {
  /** Creates an event. */
  new <Data = unknown>(type: string, init?: MessageEventInit<Data>): MessageEvent<Data>;
  /** What events inherit from. */
  readonly prototype: MessageEvent;
}

interface Platform {
  CloseEvent?: CloseEventConstructor;
  MessageEvent?: MessageEventConstructor;
}

function closeEvent(): CloseEventConstructor {
  return (globalThis as unknown as Platform).CloseEvent ??
    class CloseEvent extends Event implements CloseEvent {
      readonly wasClean: boolean;
      readonly code: number;
      readonly reason: string;

      constructor(type: string, init: CloseEventInit = {}) {
        super(type);
        this.wasClean = Boolean(init.wasClean);
        this.code = Number(init.code ?? 0);
        this.reason = String(init.reason ?? "");
      }
    };
}

function messageEvent(): MessageEventConstructor {
  return (globalThis as unknown as Platform).MessageEvent ??
    class MessageEvent<Data> extends Event implements MessageEvent<Data> {
      readonly data: Data;
      readonly origin: string;

      constructor(type: string, init: MessageEventInit<Data> = {}) {
        super(type);
        this.data = (init.data ?? null) as Data;
        this.origin = String(init.origin ?? "");
      }
    } as MessageEventConstructor;
}

/** The platform's class, or one of the same interface. */
export const CloseEvent: CloseEventConstructor = /* @__PURE__ */ closeEvent();

/** The platform's class, or one of the same interface. */
export const MessageEvent: MessageEventConstructor = /* @__PURE__ */ messageEvent();
