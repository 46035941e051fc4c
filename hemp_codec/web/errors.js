/** What each code means for the person who has the file. */
const MEANINGS = {
  BAD_SIGNATURE: "this is not a .hemp file",
  BAD_VERSION: "the file is of a version that this decoder does not know",
  TRUNCATED: "the file is incomplete: its end is missing",
  TRAILING_BYTES: "something follows after the end of the file",
  FRONT_CHECKSUM: "the file is damaged: the part that says what it holds was changed",
  SEGMENT_CHECKSUM: "the file is damaged: the bytes of a tensor were changed",
  LIMIT_EXCEEDED: "the file asks for more memory than is allowed",
  UNSUPPORTED_DTYPE: "the file uses a type of numbers that this decoder does not know",
  UNSUPPORTED_QUANTIZER: "the file uses a quantizer that this decoder does not know",
  UNKNOWN_CRITICAL_CHUNK: "the file holds something that this decoder does not know and may not skip",
  UNSUPPORTED_CODER: "the tensor is coded by a coder that this decoder does not have",
  MEMORY_TOO_SMALL: "there is not enough memory",
};
const INVALID = "the file breaks a rule of the format";

/**
 * What is wrong with a file or with what was asked for.  `code` is a name of spec/format.md, section 9, such as
 * "BAD_SHAPE"; or "BAD_ARGUMENT", "MEMORY_TOO_SMALL", "READ_FAILED".  `tensor` (name), `offset` (of a byte in the file)
 * and `field` say where, as far as that is known.
 */
export class HempError extends Error {
  constructor(code, { tensor, offset, field, message = MEANINGS[code] ?? INVALID } = {}) {
    const where = [tensor !== undefined && `tensor ${JSON.stringify(tensor)}`, offset !== undefined && `byte ${offset}`];
    where.push(field && `field ${field}`);
    super(`${message} (${[code, ...where.filter(Boolean)].join(", ")})`);
    this.name = "HempError";
    Object.assign(this, { code, tensor, offset, field });
  }
}
