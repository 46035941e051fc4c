// LeNet-5 in plain JavaScript: convolution 5x5, max-pool, ReLU, twice; then a layer with ReLU, and one with ten outputs.

const LAYERS = ["conv1", "conv2", "fc1", "fc2"];
const NAMES = LAYERS.flatMap((name) => [`${name}.weight`, `${name}.bias`]);
const SIDE = 28;
const MEAN = 0.1307;
const DEVIATION = 0.3081;

/** Whether an open file holds the weights of this network, of whatever width. */
function isLenet5(file) {
  if (!NAMES.every((name) => file.tensors.has(name))) return false;
  const shapes = NAMES.map((name) => file.tensors.get(name).shape);
  const [a, b, c] = [1, 3, 5].map((k) => shapes[k][0]);
  const wanted = [[a, 1, 5, 5], [a], [b, a, 5, 5], [b], [c, 16 * b], [c], [10, c], [10]];
  return String(wanted.map(String)) === String(shapes.map(String));
}

/** The weights of an open file, by name. */
async function readLenet5(file) {
  const tensors = await file.decode(NAMES, "float32");
  return Object.fromEntries([...tensors].map(([name, tensor]) => [name, tensor.data]));
}

/** The probability of each digit; `image` has 28 x 28 values from 0 (background) to 1 (ink). */
function recognize(weights, image) {
  const input = image.map((value) => (value - MEAN) / DEVIATION);
  const first = pool(convolve(input, 28, weights["conv1.weight"], weights["conv1.bias"], 5), 24);
  const second = pool(convolve(first, 12, weights["conv2.weight"], weights["conv2.bias"], 5), 8);
  const hidden = multiply(second, weights["fc1.weight"], weights["fc1.bias"]).map((value) => Math.max(value, 0));
  return softmax(multiply(hidden, weights["fc2.weight"], weights["fc2.bias"]));
}

/** Channels of side x side values, each with every kernel; without padding. */
function convolve(input, side, weight, bias, kernel) {
  const channels = input.length / side ** 2;
  const outSide = side - kernel + 1;
  const out = new Float32Array(bias.length * outSide ** 2);
  for (let o = 0, at = 0; o < bias.length; o++) {
    for (let y = 0; y < outSide; y++) {
      for (let x = 0; x < outSide; x++, at++) {
        let sum = bias[o];
        for (let c = 0; c < channels; c++) {
          for (let i = 0; i < kernel; i++) {
            const from = (c * side + y + i) * side + x;
            const by = ((o * channels + c) * kernel + i) * kernel;
            for (let j = 0; j < kernel; j++) sum += input[from + j] * weight[by + j];
          }
        }
        out[at] = sum;
      }
    }
  }
  return out;
}

/** The greatest of each 2 x 2 values, and at least 0. */
function pool(input, side) {
  const out = new Float32Array(input.length / 4);
  for (let at = 0; at < out.length; at++) {
    const from = Math.floor(at / (side / 2)) * 2 * side + (at % (side / 2)) * 2;
    out[at] = Math.max(input[from], input[from + 1], input[from + side], input[from + side + 1], 0);
  }
  return out;
}

function multiply(input, weight, bias) {
  return bias.map((start, o) => input.reduce((sum, value, i) => sum + value * weight[o * input.length + i], start));
}

function softmax(logits) {
  const powers = Array.from(logits, (value) => Math.exp(value - Math.max(...logits)));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/**
 * An image as those of MNIST, from strokes: lists of points [x, y] of any scale.  The digit fits into 20 x 20 pixels, its
 * centre of mass is the centre of the image, and the pen is as wide as in MNIST.
 */
function imageOf(strokes) {
  const points = strokes.flat();
  const bounds = [0, 1].map((axis) => points.map((point) => point[axis])).map((values) => [
    Math.min(...values),
    Math.max(...values),
  ]);
  const [width, height] = bounds.map(([low, high]) => high - low);
  const scale = 18 / Math.max(width, height, 1); // and one pixel of ink on each side
  const middle = bounds.map(([low, high]) => (low + high) / 2);
  const placed = strokes.map((stroke) => stroke.map((point) => point.map((value, k) => (value - middle[k]) * scale)));
  const [x, y] = centreOf(render(placed, SIDE / 2, SIDE / 2));
  return render(placed, SIDE - x, SIDE - y);
}

function centreOf(image) {
  let mass = 0;
  const sums = [0, 0];
  image.forEach((value, i) => {
    mass += value;
    sums[0] += value * ((i % SIDE) + 0.5);
    sums[1] += value * (Math.floor(i / SIDE) + 0.5);
  });
  return sums.map((sum) => sum / mass);
}

const PEN = 1.3; // half its width in pixels

function render(strokes, x, y) {
  return Float32Array.from({ length: SIDE ** 2 }, (_, i) => {
    const at = [(i % SIDE) + 0.5 - x, Math.floor(i / SIDE) + 0.5 - y];
    const distance = Math.min(...strokes.map((stroke) => distanceTo(at, stroke)));
    return Math.min(Math.max(PEN + 0.5 - distance, 0), 1);
  });
}

/** Distance of a point from the lines between the points of a stroke. */
function distanceTo([x, y], stroke) {
  let least = Infinity;
  stroke.forEach(([endX, endY], i) => {
    const [startX, startY] = stroke[Math.max(i - 1, 0)];
    const [dx, dy] = [endX - startX, endY - startY];
    const along = ((x - startX) * dx + (y - startY) * dy) / (dx * dx + dy * dy || 1);
    const t = Math.min(Math.max(along, 0), 1);
    least = Math.min(least, Math.hypot(x - startX - t * dx, y - startY - t * dy));
  });
  return least;
}
