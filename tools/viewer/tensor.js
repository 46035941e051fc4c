// What is shown of one tensor: numbers, a histogram, a picture.

const NUMBERS = new Set(["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]);
const MOST_BARS = 256;
const VALUE_BARS = 64;
const MOST_PIXELS = 1024; // on a side of the picture

/** Decode a tensor to `values` that are numbers, null if they cannot be; `indices` if it is quantized. */
async function decodeTensor(file, info) {
  const begin = performance.now();
  const stored = await file.tensor(info.name);
  const milliseconds = performance.now() - begin;
  const isQuantized = info.quantizer !== "lossless";
  const indices = isQuantized ? (await file.tensor(info.name, "indices")).data : null;
  return { info, stored, values: await valuesOf(file, info, stored), indices, milliseconds };
}

async function valuesOf(file, info, stored) {
  if (info.dtype === "float32" || info.dtype === "float64" || NUMBERS.has(info.dtype)) return stored.data;
  if (info.dtype !== "float16" && info.dtype !== "bfloat16") return null;
  return (await file.tensor(info.name, "float32")).data;
}

/** How a number is written: with the digits that a float32 has. */
function textOf(value) {
  return typeof value === "bigint" ? String(value) : String(Number(value.toPrecision(9)));
}

/** Number of the element at a position such as "3, 4"; an error that people can read. */
function elementAt(text, shape) {
  const parts = text.trim() === "" ? [] : text.split(",").map((part) => Number(part.trim() || NaN));
  if (parts.length !== shape.length) throw new RangeError(`${shape.length} numbers, with commas between them`);
  return parts.reduce((at, part, k) => {
    if (!Number.isInteger(part) || part < 0 || part >= shape[k]) throw new RangeError(`0 to ${shape[k] - 1} each`);
    return at * shape[k] + part;
  }, 0);
}

/** Bars of the histogram: what each stands for, and how many elements it has. */
function histogramOf({ info, values, indices }, levels) {
  if (indices) return barsOfIndices(info.numLevels, indices, levels);
  return values === null ? [] : barsOfValues(values);
}

/** A bar for each index, or for several where there are many. */
function barsOfIndices(numLevels, indices, levels) {
  const each = Math.ceil(numLevels / MOST_BARS);
  const bars = Array.from({ length: Math.ceil(numLevels / each) }, (_, k) => {
    const [first, last] = [k * each, Math.min((k + 1) * each, numLevels) - 1];
    const name = each === 1 ? `index ${k}` : `indices ${first} to ${last}`;
    return { name: levels ? `${name}, level ${textOf(levels[first])}` : name, count: 0 };
  });
  for (const index of indices) bars[Math.floor(index / each)].count++;
  return bars;
}

/** Bars of equal widths; what is not finite is in none. */
function barsOfValues(values) {
  const [low, high] = rangeOf(values);
  if (low > high) return [];
  const width = (high - low) / VALUE_BARS || 1;
  const length = high > low ? VALUE_BARS : 1;
  const bars = Array.from({ length }, (_, k) => ({ name: `from ${textOf(low + k * width)}`, count: 0 }));
  for (const value of values) {
    const at = Math.min(Math.floor((Number(value) - low) / width), length - 1);
    if (at >= 0) bars[at].count += Number.isFinite(Number(value));
  }
  return bars;
}

/** The least and the greatest finite value; the first is above the second if there are none. */
function rangeOf(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low && value > -Infinity) low = value;
    if (value > high && value < Infinity) high = value;
  }
  return [Number(low), Number(high)];
}

/** Bars as an SVG. */
function chartOf(bars) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const most = Math.max(...bars.map((bar) => bar.count));
  svg.setAttribute("viewBox", `0 0 ${bars.length} 1`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const top = bars.find((bar) => bar.count === most);
  svg.setAttribute("aria-label", `Histogram of ${bars.length} bars; the highest is ${top.name}: ${most} elements`);
  bars.forEach((bar, k) => {
    const rect = document.createElementNS(svg.namespaceURI, "rect");
    const height = bar.count / most;
    for (const [name, value] of Object.entries({ x: k + 0.05, y: 1 - height, width: 0.9, height })) {
      rect.setAttribute(name, value);
    }
    svg.append(rect);
  });
  return svg;
}

/** Paint a tensor as a matrix: rows are its first dimension; blue is below zero, red above.  Gives what it shows. */
function paint(canvas, shape, values) {
  const rows = shape.length > 1 ? shape[0] : 1;
  const columns = values.length / rows;
  const [height, width] = [Math.min(rows, MOST_PIXELS), Math.min(columns, MOST_PIXELS)];
  const [low, high] = rangeOf(values);
  const most = low > high ? 1 : Math.max(-low, high) || 1;
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const row = Math.floor((Math.floor(at / width) * rows) / height);
    const column = Math.floor(((at % width) * columns) / width);
    image.data.set(colourOf(Number(values[row * columns + column]) / most), 4 * at);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  const zoom = Math.max(1, Math.min(8, Math.floor(512 / Math.max(width, height))));
  canvas.style.width = `${width * zoom}px`;
  const part = width < columns || height < rows ? ", not every element is shown" : "";
  return `${rows} x ${columns}; white is 0, blue is ${textOf(-most)}, red is ${textOf(most)}${part}`;
}

/** White at 0, full blue at -1, full red at 1; grey for what is not a finite number. */
function colourOf(value) {
  if (!Number.isFinite(value)) return [128, 128, 128, 255];
  const rest = 255 * (1 - Math.min(Math.abs(value), 1));
  return value < 0 ? [rest, rest, 255, 255] : [255, rest, rest, 255];
}
