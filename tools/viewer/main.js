// The page: opens files, lists tensors, and asks the network.

const $ = (id) => document.getElementById(id);
const compiled = WebAssembly.compile(bytesOf(hemp.wasm));
let opened = 0; // these two count: what comes late, when another file or tensor was chosen, is dropped
let chosen = 0;
let network;

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function create(tag, text, properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, properties);
}

/** Text from a file, in which control characters and those that turn the writing direction are made visible. */
function visible(text) {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`);
}

function number(value, digits = 0) {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Do something that may fail because of the file, and say so. */
async function attempt(what, action) {
  $("error").textContent = "";
  try {
    await action();
  } catch (error) {
    if (!(error instanceof hemp.HempError)) console.error(error);
    $("status").textContent = "";
    $("error").textContent = `${visible(what)}: ${visible(error.message)}`;
  }
}

// ------------------------------------------------------------------------------------------------------- the file

async function openFile(blob, name) {
  const turn = ++opened;
  chosen++;
  $("contents").hidden = $("tensor").hidden = true;
  $("status").textContent = `Opening ${visible(name)} ...`;
  await attempt(name, async () => {
    const file = await hemp.load(await compiled, blob);
    if (turn !== opened) return;
    showFile(file, name);
    if (isLenet5(file)) await useNetwork(file, name);
    $("status").textContent = `${visible(name)}: ${number(file.tensors.size)} tensors`;
  });
}

/** Bytes and elements of each stream, by its number. */
function streamsOf(file) {
  const streams = new Map();
  for (const info of file.tensors.values()) {
    if (info.stream === null || info.tiedTo !== null) continue;
    const stream = streams.get(info.stream) ?? { bytes: info.codedBytes, elements: 0, tensors: 0 };
    stream.elements += info.elements;
    stream.tensors++;
    streams.set(info.stream, stream);
  }
  return streams;
}

function showFile(file, name) {
  const streams = streamsOf(file);
  const infos = [...file.tensors.values()];
  const elements = infos.reduce((sum, info) => sum + (info.tiedTo === null ? info.elements : 0), 0);
  const coded = [...streams.values()].reduce((sum, stream) => sum + stream.bytes, 0);
  $("file-title").textContent = visible(name);
  const facts = [
    ["Size", `${number(file.size)} bytes`],
    ["Elements", `${number(elements)} in ${number(infos.length)} tensors`],
    ["Bits per element", elements > 0 ? number((file.size * 8) / elements, 3) : "none"],
    ["Names, levels, checksums", `${number(file.size - coded)} bytes`],
    ...[...file.metadata].map(([key, value]) => [visible(key), visible(value)]),
  ];
  $("summary").replaceChildren(...facts.flatMap(([term, fact]) => [create("dt", term), create("dd", fact)]));
  $("tensors").replaceChildren(...infos.map((info) => rowOf(file, info, streams.get(info.stream))));
  $("decoded").textContent = "";
  $("decode-all").onclick = () => attempt(name, () => decodeAll(file));
  $("contents").hidden = false;
}

function rowOf(file, info, stream) {
  const row = document.createElement("tr");
  const button = create("button", visible(info.name) || "(no name)", { type: "button" });
  button.onclick = () => attempt(info.name, () => showTensor(file, info, button));
  const name = document.createElement("td");
  name.append(button);
  const about = info.shape.length > 0 ? info.shape.map((size) => number(size)).join(" x ") : "scalar";
  const levels = info.numLevels === null ? "lossless" : `${number(info.numLevels)} ${info.quantizer}`;
  const texts = [about, info.dtype, levels, info.tiedTo === null ? (info.coder ?? "none") : "tied"];
  row.append(name, ...texts.map((text) => create("td", text)), ...sharesOf(file, info, stream));
  return row;
}

/** Cells of the bytes of a tensor. */
function sharesOf(file, info, stream) {
  if (info.tiedTo !== null) return [create("td", `is ${visible(info.tiedTo)}`), create("td"), create("td")];
  if (!stream) return [create("td", "0"), create("td", "0"), create("td", "0 %")];
  const bytes = (stream.bytes * info.elements) / stream.elements;
  const about = stream.tensors > 1 ? "~" : "";
  const share = create("td", `${number((100 * bytes) / file.size, 1)} % `);
  share.append(Object.assign(document.createElement("meter"), { value: bytes / file.size, ariaHidden: "true" }));
  return [
    create("td", about + number(bytes)),
    create("td", about + number((8 * stream.bytes) / stream.elements, 3)),
    share,
  ];
}

async function decodeAll(file) {
  const turn = opened;
  let [bytes, milliseconds] = [0, 0];
  const streams = Map.groupBy(file.tensors.values(), (info) => info.stream);
  for (const infos of streams.values()) {
    $("decoded").textContent = `Decoding ${visible(infos[0].name)} ...`;
    await new Promise((resolve) => setTimeout(resolve)); // so that the page stays alive
    if (turn !== opened) return;
    const begin = performance.now();
    const tensors = await file.decode(infos.map((info) => info.name));
    milliseconds += performance.now() - begin;
    for (const { data } of tensors.values()) bytes += data.byteLength;
  }
  const speed = milliseconds > 0 ? `, ${number(bytes / milliseconds / 1000)} MB/s` : "";
  $("decoded").textContent = `All right: ${number(bytes)} bytes in ${number(milliseconds, 1)} ms${speed}`;
}

// ----------------------------------------------------------------------------------------------------- the tensor

async function showTensor(file, info, button) {
  const turn = ++chosen;
  const decoded = await decodeTensor(file, info);
  if (turn !== chosen) return;
  for (const other of document.querySelectorAll("#tensors button")) other.removeAttribute("aria-current");
  button.setAttribute("aria-current", "true");
  $("tensor-title").textContent = visible(info.name);
  const speed = `decoded in ${number(decoded.milliseconds, 1)} ms`;
  $("facts").textContent = `${number(info.elements)} elements of ${info.dtype}, ${speed}${rangeText(decoded)}`;
  showElement(info, decoded);
  showHistogram(histogramOf(decoded, levelsOf(file, info)));
  const isPicture = decoded.values !== null && decoded.values.length > 0;
  $("picture").hidden = !isPicture;
  if (isPicture) {
    const canvas = document.querySelector("#picture canvas");
    const text = `Picture of the matrix: ${paint(canvas, info.shape, decoded.values)}`;
    canvas.setAttribute("aria-label", text);
    document.querySelector("#picture figcaption").textContent = text;
  }
  $("tensor").hidden = false;
  $("tensor").focus();
}

function rangeText({ values }) {
  if (values === null || values.length === 0) return "";
  const [low, high] = rangeOf(values);
  return low <= high ? `; from ${textOf(low)} to ${textOf(high)}` : "";
}

function levelsOf(file, info) {
  const isKnown = info.numLevels !== null && ["float16", "bfloat16", "float32", "float64"].includes(info.dtype);
  return isKnown ? file.levels(info.name, "float32") : null;
}

function showElement(info, { values, indices }) {
  const input = $("position");
  input.parentElement.hidden = values === null || values.length === 0;
  input.value = info.shape.map(() => 0).join(", ");
  input.oninput = () => {
    try {
      const at = elementAt(input.value, info.shape);
      const index = indices ? ` (index ${indices[at]})` : "";
      $("element").textContent = `is ${textOf(values[at])}${index}`;
      input.removeAttribute("aria-invalid");
    } catch (error) {
      $("element").textContent = error.message;
      input.setAttribute("aria-invalid", "true");
    }
  };
  if (!input.parentElement.hidden) input.oninput();
}

function showHistogram(bars) {
  const figure = $("histogram");
  figure.hidden = bars.length === 0;
  if (figure.hidden) return;
  figure.querySelector("figcaption").textContent = `Histogram, ${number(bars.length)} bars`;
  figure.querySelector(".chart").replaceChildren(chartOf(bars));
  const table = document.createElement("table");
  for (const { name, count } of bars) {
    const row = table.insertRow();
    row.append(create("td", name), create("td", number(count)));
  }
  figure.querySelector("details div").replaceChildren(table);
}

// ------------------------------------------------------------------------------------------------------ the digit

async function useNetwork(file, name) {
  network = await readLenet5(file);
  $("model").textContent = `LeNet-5 from ${visible(name)}, ${number(file.size)} bytes,`;
}

function answer(strokes) {
  const context = $("seen").getContext("2d");
  context.clearRect(0, 0, SIDE, SIDE);
  if (strokes.length === 0 || !network) {
    $("answer").textContent = "";
    $("scores").replaceChildren();
    return;
  }
  const image = imageOf(strokes);
  const pixels = new ImageData(SIDE, SIDE);
  image.forEach((value, i) => pixels.data.set([255, 255, 255, 255 * value], 4 * i));
  context.putImageData(pixels, 0, 0);
  const scores = recognize(network, image);
  const best = scores.indexOf(Math.max(...scores));
  $("answer").textContent = `This is a ${best} (${number(100 * scores[best], 1)} %)`;
  $("scores").replaceChildren(...scores.map(scoreOf));
}

function scoreOf(score) {
  const item = create("li", "");
  const meter = Object.assign(document.createElement("meter"), { value: score, ariaHidden: "true" });
  item.append(meter, ` ${number(100 * score, 1)} %`);
  return item;
}

// -------------------------------------------------------------------------------------------------------- the page

function openExample() {
  return openFile(new Blob([bytesOf(hemp.model)]), "lenet5.hemp");
}

$("file").onchange = () => $("file").files.length > 0 && openFile($("file").files[0], $("file").files[0].name);
$("example").onclick = openExample;
document.ondragover = (event) => {
  event.preventDefault();
  $("drop").classList.add("dropping");
};
document.ondragleave = () => $("drop").classList.remove("dropping");
document.ondrop = (event) => {
  event.preventDefault();
  $("drop").classList.remove("dropping");
  const [file] = event.dataTransfer.files;
  if (file) openFile(file, file.name);
};
const drawing = new Drawing($("pad"), (text) => ($("pen").textContent = text), answer);
$("clear").onclick = () => drawing.clear();
openExample();
