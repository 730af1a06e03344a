/**
 * Event handler IDL attributes (HTML standard, section 8.1.8.1): `onopen`, `onmessage` and so on.
 *
 * @module
 */

/** A handler; null for none. Another object is kept, and never called. */
export type EventHandler<Type extends Event = Event> = ((event: Type) => unknown) | null;

/** Each platform's types have a type of their own for it. */
type Listener = NonNullable<Parameters<EventTarget["addEventListener"]>[1]>;

/** A handler that is set, at its place among the listeners. */
interface Slot {
  value: unknown;
  readonly listener: Listener;
}

/** The handlers of one target. Each keeps the place of its first assignment, until it is removed. */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #slots = new Map<string, Slot>();

  /** Creates the handlers of a target. */
  constructor(target: EventTarget) {
    this.#target = target;
  }

  /** Returns the handler for a type of event. */
  get<Type extends Event>(type: string): EventHandler<Type> {
    return (this.#slots.get(type)?.value ?? null) as EventHandler<Type>;
  }

  /** Sets it: what is no object is null. */
  set(type: string, value: unknown): void {
    const slot = this.#slots.get(type), isObject = typeof value === "object" && value !== null;
    if (typeof value !== "function" && !isObject) {
      if (slot === undefined) return;
      this.#target.removeEventListener(type, slot.listener);
      this.#slots.delete(type);
    } else if (slot !== undefined) slot.value = value;
    else {
      const added: Slot = {
        value,
        listener: ((event: Event): void => {
          if (typeof added.value !== "function") return;
          const result: unknown = Reflect.apply(added.value, this.#target, [event]);
          if (result === false) event.preventDefault();
        }) as Listener,
      };
      this.#slots.set(type, added);
      this.#target.addEventListener(type, added.listener);
    }
  }
}
