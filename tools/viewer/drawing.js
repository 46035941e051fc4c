// The area in which a digit is drawn, with a pointer or with keys.

const STEP = 10; // pixels that an arrow key moves the pen
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

/** Calls `changed` with the strokes, lists of points, whenever one has grown by keys or is finished by a pointer. */
class Drawing {
  constructor(canvas, say, changed) {
    Object.assign(this, { canvas, say, changed, strokes: [], pen: [140, 40], isDown: false });
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", () => this.#end());
    canvas.addEventListener("pointercancel", () => this.#end());
    canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const name of ["focus", "blur"]) canvas.addEventListener(name, () => this.#show());
    this.#show();
  }

  clear() {
    Object.assign(this, { strokes: [], isDown: false });
    this.#show();
    this.changed(this.strokes);
  }

  #begin(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.isDown = false;
    this.isDrawing = true;
    this.#add(this.#pointOf(event), true);
  }

  #move(event) {
    if (this.isDrawing) this.#add(this.#pointOf(event), false);
  }

  #end() {
    if (!this.isDrawing) return;
    this.isDrawing = false;
    this.changed(this.strokes);
  }

  #pointOf(event) {
    return [event.offsetX, event.offsetY];
  }

  #add(point, isNew) {
    if (isNew) this.strokes.push([]);
    this.strokes.at(-1).push(point);
    this.pen = point;
    this.#show();
  }

  #key(event) {
    const move = MOVES[event.key];
    if (event.key === "Escape") {
      this.clear();
      this.say("cleared");
    } else if (event.key === " ") {
      this.isDown = !this.isDown;
      this.say(this.isDown ? "pen down" : "pen up");
      if (this.isDown) this.#add(this.pen, true);
    } else if (move) {
      this.pen = this.pen.map((value, k) => Math.min(Math.max(value + move[k], STEP), 280 - STEP));
      if (this.isDown) this.#add(this.pen, false);
    } else {
      return;
    }
    event.preventDefault();
    this.#show();
    if (this.isDown) this.changed(this.strokes);
  }

  #show() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    Object.assign(context, { strokeStyle: "#fff", lineWidth: 22, lineCap: "round", lineJoin: "round" });
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const point of stroke) context.lineTo(...point);
      context.stroke();
    }
    if (document.activeElement !== this.canvas) return;
    context.fillStyle = this.isDown ? "#f60" : "#39f";
    context.beginPath();
    context.arc(...this.pen, 6, 0, 2 * Math.PI);
    context.fill();
  }
}
