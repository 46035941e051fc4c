import { HempError } from "./errors.js";
import { sourceOf } from "./sources.js";

// In the order of their numbers in spec/format.md; each with the array that holds its elements, bit for bit.
const DTYPES = [
  ["bool", Uint8Array],
  ["uint8", Uint8Array],
  ["int8", Int8Array],
  ["uint16", Uint16Array],
  ["int16", Int16Array],
  ["uint32", Uint32Array],
  ["int32", Int32Array],
  ["uint64", BigUint64Array],
  ["int64", BigInt64Array],
  ["float16", Uint16Array],
  ["bfloat16", Uint16Array],
  ["float32", Float32Array],
  ["float64", Float64Array],
  ["float8_e4m3fn", Uint8Array],
  ["float8_e5m2", Uint8Array],
  ["float8_e4m3fnuz", Uint8Array],
  ["float8_e5m2fnuz", Uint8Array],
  ["float8_e8m0fnu", Uint8Array],
  ["complex32", Uint16Array],
  ["complex64", Float32Array],
  ["complex128", Float64Array],
  ["float4_e2m1fn_x2", Uint8Array],
];
const QUANTIZERS = ["lossless", "codebook", "uniform"];
const CODERS = { 0: "stored", 1: "lzma", 2: "zstd", 3: "arithmetic", 4: "rans" };
const NO_CODER = 255;
const FORMS = ["stored", "float32", "float16", "indices"];
const FRONT_PREFIX = 19;
const FRONT_LIMIT = 2 ** 28;
const FIXED_NUMBERS = 16;
const NUMBERS = FIXED_NUMBERS + 32; // as in wasm.c
const MEMORY_TOO_SMALL = 64;
const OUTPUT_SIZE = 8; // of a hemp_output
const ALIGNMENT = 16;
const PAGE = 65536;

const NOTHING = { offset: 0, bytes: new Uint8Array() };

/**
 * One instance of the WebAssembly module, with its memory: first what is kept, then what a call needs.  Between setting
 * the window and the end of the calls that read from it nothing is awaited, so that calls cannot mix.
 */
class Machine {
  constructor(module) {
    this.window = NOTHING; // the piece of the file that the decoder may read
    const read = (offset, out, size) => this.#read(offset, out, size);
    this.calls = new WebAssembly.Instance(module, { source: { read } }).exports;
    this.free = aligned(this.calls.__heap_base.value);
  }

  #read(offset, out, size) {
    const start = offset - this.window.offset;
    if (start < 0 || start + size > this.window.bytes.length) return 1;
    this.bytes(out, size).set(this.window.bytes.subarray(start, start + size));
    return 0;
  }

  /** A view of memory, good until the next call of `need`. */
  bytes(address, size) {
    return new Uint8Array(this.calls.memory.buffer, address >>> 0, size);
  }

  /** What the last call had to say. */
  numbers() {
    return new Float64Array(this.calls.memory.buffer, this.calls.numbers(), NUMBERS).slice();
  }

  text(address, size) {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.bytes(address, size));
  }

  /** The text at an address, up to its zero byte. */
  name(address) {
    return this.text(address, new Uint8Array(this.calls.memory.buffer, address).indexOf(0));
  }

  /** See to it that `size` bytes are free. */
  need(size) {
    const missing = this.free + size - this.calls.memory.buffer.byteLength;
    if (!(missing > 0)) return;
    try {
      this.calls.memory.grow(Math.ceil(missing / PAGE));
    } catch {
      throw new HempError("MEMORY_TOO_SMALL", { message: `there is no memory for ${size} bytes` });
    }
  }

  /** Throw the error of a call, if it is one; `names` are those of the tensors. */
  check(status, names = []) {
    if (status === 0) return;
    this.window = NOTHING;
    const field = this.calls.place();
    const [offset, tensor] = this.numbers();
    throw new HempError(this.name(this.calls.status_name(status)), {
      offset,
      tensor: names[tensor],
      field: field === 0 ? undefined : this.name(field),
    });
  }
}

const aligned = (size) => Math.ceil(size / ALIGNMENT) * ALIGNMENT;

/** An open file: `size` in bytes, `tensors` and `metadata`, which are maps in the order of the file. */
class HempFile {
  #machine;
  #source;
  #records;
  #maxOutput;

  constructor(machine, source, records, metadata, size, maxOutput) {
    this.#machine = machine;
    this.#source = source;
    this.#records = records;
    this.#maxOutput = maxOutput;
    this.size = size;
    this.metadata = metadata;
    this.tensors = new Map(records.map((record) => [record.info.name, record.info]));
  }

  /** Read and decode one tensor, and nothing else of the file. */
  async tensor(name, form = "stored") {
    const record = this.#record(name);
    const { width } = this.#form(record, form);
    const { elements, segments } = record.info;
    if (elements * Math.max(width, record.width) > this.#maxOutput) {
      throw new HempError("LIMIT_EXCEEDED", { tensor: name, field: "dimensions" });
    }
    const bytes = reserve(elements * width, name);
    this.#machine.window = await this.#fetch(record);
    for (let segment = 0; segment < segments; segment++) {
      const start = segment * record.segmentElements;
      const count = Math.min(record.segmentElements, elements - start);
      bytes.set(this.#decodeSegment(record, segment, form, count * width), start * width);
    }
    this.#machine.window = NOTHING;
    return this.#result(record, form, bytes);
  }

  /** Decode several tensors; those that share a stream together, in the time of one. */
  async decode(names = this.tensors.keys(), form = "stored") {
    const found = new Map(Array.from(names, (name) => [name, undefined]));
    const records = [...found.keys()].map((name) => this.#record(name));
    for (const record of records) this.#form(record, form);
    for (const record of records) {
      if (found.get(record.info.name) !== undefined) continue;
      const together = records.filter((other) => other === record || sharesStream(other, record));
      const alone = together.length === 1;
      const tensors = await (alone ? this.tensor(record.info.name, form) : this.#decodeTogether(together, form));
      together.forEach((other, k) => found.set(other.info.name, alone ? tensors : tensors[k]));
    }
    return found;
  }

  /** The levels of a quantized tensor: element i is levels[indices[i]]. */
  levels(name, form = "stored") {
    const machine = this.#machine;
    const record = this.#record(name);
    const { Elements, width } = this.#form(record, form);
    const size = record.info.numLevels * width;
    machine.need(size);
    const status = machine.calls.decode_levels(record.number, FORMS.indexOf(form), machine.free, size);
    machine.check(status, this.#names());
    return new Elements(machine.bytes(machine.free, size).slice().buffer);
  }

  #record(name) {
    const found = this.#records.find((record) => record.info.name === name);
    if (found === undefined) throw new HempError("BAD_ARGUMENT", { tensor: name, message: "there is no such tensor" });
    return found;
  }

  #names() {
    return this.#records.map((record) => record.info.name);
  }

  #form(record, form) {
    const found = record.forms[form];
    if (found?.width > 0) return found;
    const message = `a ${record.info.quantizer} tensor of ${record.info.dtype} cannot be had as ${form}`;
    throw new HempError("BAD_ARGUMENT", { tensor: record.info.name, message });
  }

  #result(record, form, bytes) {
    const { Elements, dtype } = this.#form(record, form);
    return { data: new Elements(bytes.buffer), shape: record.info.shape.slice(), dtype };
  }

  /** The bytes of all segments of a tensor, which lie side by side. */
  async #fetch(record) {
    const machine = this.#machine;
    if (record.stream < 0 || record.info.segments === 0) return NOTHING;
    machine.calls.locate(record.number, 0);
    const [offset] = machine.numbers();
    machine.calls.locate(record.number, record.info.segments - 1);
    const [last, lastSize] = machine.numbers();
    return { offset, bytes: await readAll(this.#source, offset, last + lastSize - offset) };
  }

  #decodeSegment(record, segment, form, size) {
    const machine = this.#machine;
    const { calls, free } = machine;
    const scratch = this.#scratch(record, segment, form);
    const scratchAt = free + aligned(size);
    machine.need(aligned(size) + scratch);
    const number = FORMS.indexOf(form);
    const status = calls.decode_segment(record.number, segment, number, free, size, scratchAt, scratch);
    machine.check(status, this.#names());
    return machine.bytes(free, size);
  }

  #scratch(record, segment, form) {
    const status = this.#machine.calls.segment_memory(record.number, segment, FORMS.indexOf(form));
    this.#machine.check(status, this.#names());
    return this.#machine.numbers()[0];
  }

  /** Decode tensors of one stream, which has one segment. */
  async #decodeTogether(records, form) {
    const machine = this.#machine;
    const { calls, free } = machine;
    machine.window = await this.#fetch(records[0]);
    // All that are wanted need no more than the one of them that needs most alone.
    const scratch = Math.max(...records.map((record) => this.#scratch(record, 0, form)));
    const sizes = records.map((record) => record.info.elements * this.#form(record, form).width);
    let end = free + aligned(this.#records.length * OUTPUT_SIZE);
    const places = sizes.map((size) => (end += aligned(size)) - aligned(size));
    machine.need(end - free + scratch);
    machine.bytes(free, this.#records.length * OUTPUT_SIZE).fill(0);
    const outputs = new DataView(calls.memory.buffer, free);
    records.forEach((record, k) => {
      outputs.setUint32(record.number * OUTPUT_SIZE, places[k], true);
      outputs.setUint32(record.number * OUTPUT_SIZE + 4, sizes[k], true);
    });
    machine.check(calls.decode_tensors(FORMS.indexOf(form), free, end, scratch), this.#names());
    machine.window = NOTHING;
    return records.map((record, k) => this.#result(record, form, machine.bytes(places[k], sizes[k]).slice()));
  }
}

function sharesStream(one, other) {
  return one.stream >= 0 && one.stream === other.stream && one.tiedTo < 0 && other.tiedTo < 0;
}

function reserve(size, tensor) {
  try {
    return new Uint8Array(size);
  } catch {
    throw new HempError("MEMORY_TOO_SMALL", { tensor });
  }
}

async function readAll(source, offset, size) {
  const bytes = await source.read(offset, size);
  if (bytes.length < size) throw new HempError("TRUNCATED", { offset: offset + bytes.length });
  return bytes;
}

/** Open a file with the compiled module; hemp.js does it with the one beside it. */
export async function load(module, input, { limits = {}, request } = {}) {
  const source = await sourceOf(input, request);
  const machine = new Machine(module);
  const size = await readFront(machine, source, limits.front ?? FRONT_LIMIT);
  const [, count, fileSize, maxOutput] = openFront(machine, size, limits);
  const records = Array.from({ length: count }, (_, number) => describe(machine, number));
  for (const record of records) record.info.tiedTo = records[record.tiedTo]?.info.name ?? null;
  return new HempFile(machine, source, records, readMetadata(machine), fileSize, maxOutput);
}

/** Get the front into the window; gives the size of the file, -1 if it is not known. */
async function readFront(machine, source, limit) {
  const prefix = await source.read(0, FRONT_PREFIX);
  const size = prefix.length < FRONT_PREFIX ? prefix.length : (source.size ?? -1);
  machine.need(prefix.length);
  machine.bytes(machine.free, prefix.length).set(prefix);
  machine.check(machine.calls.front_size(machine.free, prefix.length, limit));
  const [front] = machine.numbers();
  const isMore = front > prefix.length && (size < 0 || front <= size);
  machine.window = { offset: 0, bytes: isMore ? await readAll(source, 0, front) : prefix };
  return size;
}

function openFront(machine, size, { front = 0, output = 0 }) {
  for (let memory = 0; ; ) {
    const status = machine.calls.open(size, front, output, machine.free, memory);
    const numbers = machine.numbers();
    if (status !== MEMORY_TOO_SMALL) {
      machine.check(status);
      machine.free = aligned(machine.free + memory);
      machine.window = NOTHING;
      return numbers;
    }
    memory = numbers[0];
    machine.need(memory);
  }
}

function describe(machine, number) {
  machine.calls.describe(number);
  const numbers = machine.numbers();
  const [name, nameSize, dtype, quantizer, coder, numLevels, elements, segments, segmentElements] = numbers;
  const [codedBytes, tiedTo, stream, width, float32, index, rank] = numbers.slice(9);
  const [dtypeName, Stored] = DTYPES[dtype];
  const Index = index === 2 ? Uint16Array : Uint8Array;
  const info = {
    name: machine.text(name, nameSize),
    dtype: dtypeName,
    shape: Array.from(numbers.slice(FIXED_NUMBERS, FIXED_NUMBERS + rank)),
    elements,
    quantizer: QUANTIZERS[quantizer],
    numLevels: quantizer === 0 ? null : numLevels,
    coder: coder === NO_CODER ? null : (CODERS[coder] ?? `coder ${coder}`),
    stream: stream < 0 ? null : stream,
    codedBytes,
    segments,
  };
  const forms = {
    stored: { Elements: Stored, width, dtype: dtypeName },
    float32: { Elements: Float32Array, width: float32, dtype: "float32" },
    float16: { Elements: Uint16Array, width: float32 / 2, dtype: "float16" },
    indices: { Elements: Index, width: index, dtype: index === 2 ? "uint16" : "uint8" },
  };
  return { number, info, forms, width, segmentElements, tiedTo, stream };
}

function readMetadata(machine) {
  const metadata = new Map();
  while (machine.calls.next_pair()) {
    const [key, keySize, value, valueSize] = machine.numbers();
    metadata.set(machine.text(key, keySize), machine.text(value, valueSize));
  }
  return metadata;
}
