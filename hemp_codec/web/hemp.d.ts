/** Decoder of .hemp files. */

export type DType =
  | "bool"
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "uint64"
  | "int64"
  | "float16"
  | "bfloat16"
  | "float32"
  | "float64"
  | "float8_e4m3fn"
  | "float8_e5m2"
  | "float8_e4m3fnuz"
  | "float8_e5m2fnuz"
  | "float8_e8m0fnu"
  | "complex32"
  | "complex64"
  | "complex128"
  | "float4_e2m1fn_x2";

export type TypedArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/**
 * What to give for each element.  "stored": the tensor's own dtype, bit for bit; where JavaScript has no array for it, an
 * array of bit patterns (Uint16Array for float16 and bfloat16, Uint8Array for 8 bits and less), complex numbers as
 * pairs.  "float32", "float16" (bit patterns): of tensors of floating-point numbers, rounded to nearest.  "indices": of
 * quantized tensors, Uint8Array up to 256 levels, else Uint16Array.
 */
export type Form = "stored" | "float32" | "float16" | "indices";

export interface Tensor<Data extends TypedArray = TypedArray> {
  data: Data;
  shape: number[];
  /** Of `data`: that of the tensor for "stored", "uint8" or "uint16" for "indices". */
  dtype: DType;
}

/** What a file says about a tensor without decoding it. */
export interface TensorInfo {
  /** Text from the file: do not trust it as HTML. */
  name: string;
  dtype: DType;
  shape: number[];
  /** Their product. */
  elements: number;
  quantizer: "lossless" | "codebook" | "uniform";
  /** Null for lossless. */
  numLevels: number | null;
  /** Null if there is nothing to decode: no elements, or one level. */
  coder: string | null;
  /** Number of the stream that holds it; several small tensors may share one. */
  stream: number | null;
  /** Bytes of the whole stream. */
  codedBytes: number;
  /** Pieces of the stream. */
  segments: number;
  /** Name of the tensor whose elements these are. */
  tiedTo: string | null;
}

export interface HempFile {
  /** Bytes of the file. */
  readonly size: number;
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;

  /** Read and decode one tensor, and nothing else of the file.  Time: O(elements), of all tensors of its stream. */
  tensor(name: string, form: "float32"): Promise<Tensor<Float32Array>>;
  tensor(name: string, form: "float16"): Promise<Tensor<Uint16Array>>;
  tensor(name: string, form: "indices"): Promise<Tensor<Uint8Array | Uint16Array>>;
  tensor(name: string, form?: Form): Promise<Tensor>;

  /** Several tensors, or all, by name; those that share a stream are decoded together, in the time of one. */
  decode(names: Iterable<string> | undefined, form: "float32"): Promise<Map<string, Tensor<Float32Array>>>;
  decode(names?: Iterable<string>, form?: Form): Promise<Map<string, Tensor>>;

  /** The levels of a quantized tensor: element i is levels[indices[i]]. */
  levels(name: string, form: "float32"): Float32Array;
  levels(name: string, form?: "stored" | "float32" | "float16"): TypedArray;
}

/** Where bytes come from, if not from what `open` knows. */
export interface Source {
  /** Of the file in bytes; undefined if it is not known. */
  readonly size?: number;
  /** `size` bytes from `offset` on, or fewer where the file ends. */
  read(offset: number, size: number): Promise<Uint8Array>;
}

export interface Options {
  /** Beyond these a file is refused: bytes of the list of tensors (2^28), of a decoded tensor (2^24 + 4096 x file). */
  limits?: { front?: number; output?: number };
  /** For `fetch`: headers, credentials, signal. */
  request?: RequestInit;
}

/**
 * Open a file: its list of tensors is read and checked, nothing else.
 *
 * @param input an address, which is fetched by ranges, so that a tensor costs its own bytes (from a server that knows
 *   no ranges, the whole file once); bytes; a Blob or File, read piece by piece; or a source.
 * @throws HempError if it is not a valid file; what `fetch` throws where there is no connection.
 */
export function open(input: string | URL | ArrayBuffer | ArrayBufferView | Blob | Source, options?: Options): Promise<HempFile>;

/** What is wrong with a file or with what was asked for; the message is for people. */
export class HempError extends Error {
  /**
   * A name of the errors of the format, such as "TRUNCATED", "SEGMENT_CHECKSUM", "UNSUPPORTED_CODER", or
   * "BAD_ARGUMENT", "MEMORY_TOO_SMALL", "READ_FAILED".
   */
  readonly code: string;
  /** Name of the tensor. */
  readonly tensor?: string;
  /** Of the byte in the file. */
  readonly offset?: number;
  /** As spec/format.md calls it; the coder's name for "UNSUPPORTED_CODER". */
  readonly field?: string;
}
