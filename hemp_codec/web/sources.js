import { HempError } from "./errors.js";

// A source is where the bytes of a file are: `size`, undefined if that is not known, and `read(offset, size)`, which
// gives those bytes, or fewer where the file ends.

// Read in one request when a file is opened by its address: enough for the list of some hundred tensors.
const FIRST_REQUEST = 16384;

/** The source for what `open` takes. */
export async function sourceOf(input, request) {
  if (typeof input?.read === "function") return input;
  if (input instanceof ArrayBuffer) return bytesSource(new Uint8Array(input));
  if (ArrayBuffer.isView(input)) return bytesSource(new Uint8Array(input.buffer, input.byteOffset, input.byteLength));
  if (typeof Blob !== "undefined" && input instanceof Blob) return blobSource(input);
  if (typeof input === "string" || input instanceof URL) return urlSource(input, request);
  const message = "open takes an address, an ArrayBuffer, a typed array, a Blob or an object with size and read";
  throw new HempError("BAD_ARGUMENT", { message });
}

function bytesSource(bytes) {
  return { size: bytes.length, read: async (offset, size) => bytes.subarray(offset, offset + size) };
}

function blobSource(blob) {
  const read = async (offset, size) => new Uint8Array(await blob.slice(offset, offset + size).arrayBuffer());
  return { size: blob.size, read };
}

/** Fetches ranges; a server that does not know them sends the whole file once. */
async function urlSource(url, request) {
  const first = await fetchRange(url, request, 0, FIRST_REQUEST);
  if (first.whole) return bytesSource(first.bytes);
  const read = async (offset, size) => {
    if (offset + size <= first.bytes.length) return first.bytes.subarray(offset, offset + size);
    return (await fetchRange(url, request, offset, size)).bytes;
  };
  return { size: first.size, read };
}

async function fetchRange(url, request, offset, size) {
  const headers = new Headers(request?.headers);
  headers.set("Range", `bytes=${offset}-${offset + size - 1}`);
  const response = await fetch(url, { ...request, headers });
  if (response.status === 416) return { bytes: new Uint8Array(), size: offset, whole: offset === 0 }; // the file ends
  if (!response.ok) {
    throw new HempError("READ_FAILED", { offset, message: `${url}: ${response.status} ${response.statusText}` });
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  const whole = response.status !== 206;
  if (whole) return { bytes: offset === 0 ? bytes : bytes.subarray(offset, offset + size), whole };
  // A server elsewhere may hide this header: the size is not known then.
  const total = /^bytes \d+-\d+\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "")?.[1];
  return { bytes, size: total === undefined ? undefined : Number(total), whole: false };
}
