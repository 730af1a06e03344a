/** Memory of every kind that can be sent, and memory that is gone. */

interface ViewClass {
  readonly name: string;
  readonly BYTES_PER_ELEMENT?: number;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): ArrayBufferView<ArrayBuffer>;
}

/** Bytes in all kinds of memory and views; all of them are 1, 2, 3, 4, 5, 6, 7, 8. */
export function memoryKinds(): [string, ArrayBufferLike | ArrayBufferView][] {
  const bytes = [1, 2, 3, 4, 5, 6, 7, 8];
  const fill = <Memory extends ArrayBufferLike>(memory: Memory, at = 0): Memory => {
    new Uint8Array(memory).set(bytes, at);
    return memory;
  };
  const makers: [string, (size: number) => ArrayBufferLike][] = [
    ["an ArrayBuffer", (size) => new ArrayBuffer(size)],
    ["a resizable ArrayBuffer", (size) => new ArrayBuffer(size, { maxByteLength: 64 })],
    ["a SharedArrayBuffer", (size) => new SharedArrayBuffer(size)],
    ["a growable SharedArrayBuffer", (size) => new SharedArrayBuffer(size, { maxByteLength: 64 })],
  ];
  const views: readonly ViewClass[] = [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ];
  return makers.flatMap(([name, make]): [string, ArrayBufferLike | ArrayBufferView][] => [
    [name, fill(make(8))],
    [`a DataView of ${name}`, new DataView(fill(make(24), 8), 8, 8)],
    [`a view of all of ${name}`, new Uint8Array(fill(make(8)))],
    ...views.map((View): [string, ArrayBufferView] => [
      `${View.name} of ${name}`,
      new View(fill(make(24), 8), 8, 8 / View.BYTES_PER_ELEMENT!),
    ]),
  ]);
}

/** Data whose memory is gone: each of these has 0 bytes now, or throws when it is asked for them. */
export function goneMemory(): [string, ArrayBuffer | ArrayBufferView<ArrayBuffer>][] {
  const gone: [string, ArrayBuffer | ArrayBufferView<ArrayBuffer>][] = [];
  for (const View of [Uint8Array, Float32Array, DataView] as readonly ViewClass[]) {
    const detached = new View(new ArrayBuffer(8));
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    gone.push([`${View.name} of a buffer that was transferred`, detached]);
    const buffer = new ArrayBuffer(16, { maxByteLength: 16 });
    const outside = new View(buffer, 8, 2);
    buffer.resize(4);
    gone.push([`${View.name} outside of a buffer that was resized`, outside]);
  }
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  gone.push(["an ArrayBuffer that was transferred", buffer]);
  return gone;
}
