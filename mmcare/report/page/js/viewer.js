"use strict";
/* Slices of an image in three planes: window, outlines, heat map. Axes run to the right, front and head; a slice is
   shown as radiologists look at it, from the feet and with the patient's right on the left. */
MM.unpack = async (text) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};
MM.unpackInt16 = async (text, shape) => {
  const bytes = await MM.unpack(text), count = bytes.length / 2, values = new Int16Array(count);
  for (let row = 0; row < count; row += shape[0]) {
    let value = 0;
    for (let i = row; i < row + shape[0]; i += 1) {
      value = (value + (bytes[i] | (bytes[count + i] << 8))) << 16 >> 16;
      values[i] = value;
    }
  }
  return values;
};

MM.PLANES = {
  axial: { across: 0, down: 1, through: 2, letters: ["R", "L", "A", "P"] },
  coronal: { across: 0, down: 2, through: 1, letters: ["R", "L", "S", "I"] },
  sagittal: { across: 1, down: 2, through: 0, letters: ["A", "P", "S", "I"] },
};
/* Dark to bright, also for colour-blind eyes; how opaque follows the value. */
MM.HEAT = [[66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];
MM.heat = (value) => {
  const at = Math.min(0.9999, Math.max(0, value)) * (MM.HEAT.length - 1), n = Math.floor(at), r = at - n;
  return MM.HEAT[n].map((c, i) => Math.round(c + r * (MM.HEAT[n + 1][i] - c)));
};

MM.Viewer = class {
  constructor(box, image) {
    Object.assign(this, { box, image, at: [...image.start], window: image.windows[0], outlines: new Set(image.outlines.map((_, n) => n)), map: null, opacity: 0.45, masks: [] });
    this.views = Object.fromEntries([...box.querySelectorAll("canvas")].map((canvas) => [canvas.dataset.plane, canvas]));
  }

  async start() {
    const { image } = this;
    this.values = await MM.unpackInt16(image.data, image.shape);
    this.masks = await Promise.all(image.outlines.map((outline) => MM.unpack(outline.data)));
    this.controls();
    for (const plane of Object.keys(this.views)) this.bind(plane);
    this.draw();
    this.box.dataset.ready = "yes";
  }

  index(voxel) { return voxel[0] + this.image.shape[0] * (voxel[1] + this.image.shape[1] * voxel[2]); }

  /* The voxel under a place of a plane's picture, (x, y) in voxels from its upper left corner. */
  voxel(plane, x, y) {
    const { across, down, through } = MM.PLANES[plane], { shape } = this.image, found = [0, 0, 0];
    found[across] = shape[across] - 1 - x;
    found[down] = shape[down] - 1 - y;
    found[through] = this.at[through];
    return found;
  }

  /* The heat map at a voxel of the image, linear between its own voxels, 0 outside. */
  heatAt(map, [i, j, k]) {
    const m = map.matrix, [ni, nj, nk] = map.shape;
    const x = m[0] * i + m[1] * j + m[2] * k + m[3], y = m[4] * i + m[5] * j + m[6] * k + m[7], z = m[8] * i + m[9] * j + m[10] * k + m[11];
    if (x < -0.5 || y < -0.5 || z < -0.5 || x > ni - 0.5 || y > nj - 0.5 || z > nk - 0.5) return 0;
    const lo = (v, n) => Math.min(Math.max(Math.floor(v), 0), Math.max(n - 2, 0)), part = (v, a) => Math.min(Math.max(v - a, 0), 1);
    const a = lo(x, ni), b = lo(y, nj), c = lo(z, nk), u = part(x, a), v = part(y, b), w = part(z, c);
    let sum = 0;
    for (const [dx, px] of [[0, 1 - u], [1, u]]) for (const [dy, py] of [[0, 1 - v], [1, v]]) for (const [dz, pz] of [[0, 1 - w], [1, w]]) {
      const weight = px * py * pz;
      if (weight) sum += weight * map.values[(a + dx) + ni * ((b + dy) + nj * (c + dz))];
    }
    return sum / 255;
  }

  async choose(key) {
    const map = this.image.heat_maps.find((found) => found.key === key);
    if (map && !map.values) map.values = await MM.unpack(map.data);
    this.map = map ?? null;
    this.draw();
  }

  draw() { for (const plane of Object.keys(this.views)) this.drawPlane(plane); this.tell(); }

  drawPlane(plane) {
    const canvas = this.views[plane], { across, down } = MM.PLANES[plane], { shape } = this.image;
    const width = shape[across], height = shape[down], scale = Math.max(1, Math.round(420 / Math.max(...shape)));
    if (canvas.width !== width * scale) { canvas.width = width * scale; canvas.height = height * scale; }
    const small = new OffscreenCanvas(width, height), pixels = new ImageData(width, height);
    const { low, high } = this.window, { slope, intercept } = this.image, factor = 255 / Math.max(high - low, 1e-9);
    for (let y = 0, p = 0; y < height; y += 1) for (let x = 0; x < width; x += 1, p += 4) {
      const voxel = this.voxel(plane, x, y), grey = Math.min(255, Math.max(0, (this.values[this.index(voxel)] * slope + intercept - low) * factor));
      let colour = [grey, grey, grey];
      if (this.map) {
        const heat = this.heatAt(this.map, voxel), alpha = this.opacity * Math.min(1, heat * 1.6);
        if (alpha > 0.01) { const hot = MM.heat(heat); colour = colour.map((c, n) => c * (1 - alpha) + hot[n] * alpha); }
      }
      pixels.data.set([...colour, 255], p);
    }
    small.getContext("2d").putImageData(pixels, 0, 0);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = true;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    this.masks.forEach((mask, n) => { if (this.outlines.has(n)) this.outline(context, plane, mask, n, scale, width, height); });
    this.cross(context, plane, scale);
    const slider = this.box.querySelector(`input[data-plane="${plane}"]`);
    slider.value = String(this.at[MM.PLANES[plane].through]);
  }

  outline(context, plane, mask, n, scale, width, height) {
    const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[this.index(this.voxel(plane, x, y))] > 0;
    context.beginPath();
    for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) {
      if (!inside(x, y)) continue;
      if (!inside(x - 1, y)) { context.moveTo(x * scale, y * scale); context.lineTo(x * scale, (y + 1) * scale); }
      if (!inside(x + 1, y)) { context.moveTo((x + 1) * scale, y * scale); context.lineTo((x + 1) * scale, (y + 1) * scale); }
      if (!inside(x, y - 1)) { context.moveTo(x * scale, y * scale); context.lineTo((x + 1) * scale, y * scale); }
      if (!inside(x, y + 1)) { context.moveTo(x * scale, (y + 1) * scale); context.lineTo((x + 1) * scale, (y + 1) * scale); }
    }
    context.strokeStyle = ["#f0e442", "#56b4e9"][n % 2];
    context.lineWidth = 2;
    context.setLineDash(n % 2 ? [6, 4] : []);
    context.stroke();
    context.setLineDash([]);
  }

  cross(context, plane, scale) {
    const { across, down } = MM.PLANES[plane], { shape } = this.image;
    const x = shape[across] - this.at[across] - 0.5, y = shape[down] - this.at[down] - 0.5;
    context.strokeStyle = "rgba(255, 255, 255, 0.35)";
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x * scale, 0); context.lineTo(x * scale, shape[down] * scale);
    context.moveTo(0, y * scale); context.lineTo(shape[across] * scale, y * scale);
    context.stroke();
  }

  tell() {
    const value = this.values[this.index(this.at)] * this.image.slope + this.image.intercept;
    const where = this.at.map((n, axis) => this.image.affine[4 * axis] * this.at[0] + this.image.affine[4 * axis + 1] * this.at[1] + this.image.affine[4 * axis + 2] * this.at[2] + this.image.affine[4 * axis + 3]);
    const heat = this.map ? `; heat ${Math.round(100 * this.heatAt(this.map, this.at))} % of its maximum` : "";
    this.box.querySelector("[data-said]").textContent = `At the cross: ${MM.number(Number(value.toFixed(this.image.unit ? 0 : 2)))} ${this.image.unit}, at ${where.map((mm) => MM.number(Math.round(mm))).join(", ")} mm (right, front, head)${heat}.`;
  }

  move(axis, to) {
    this.at[axis] = Math.min(this.image.shape[axis] - 1, Math.max(0, to));
    this.draw();
  }

  bind(plane) {
    const canvas = this.views[plane], { across, down, through } = MM.PLANES[plane], { shape } = this.image;
    const slider = this.box.querySelector(`input[data-plane="${plane}"]`);
    slider.max = String(shape[through] - 1);
    slider.addEventListener("input", () => this.move(through, Number(slider.value)));
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.move(through, this.at[through] + Math.sign(event.deltaY)); }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      const rect = canvas.getBoundingClientRect();
      const x = Math.floor((event.clientX - rect.left) / rect.width * shape[across]), y = Math.floor((event.clientY - rect.top) / rect.height * shape[down]);
      this.at[across] = Math.min(shape[across] - 1, Math.max(0, shape[across] - 1 - x));
      this.at[down] = Math.min(shape[down] - 1, Math.max(0, shape[down] - 1 - y));
      this.draw();
    });
  }

  controls() {
    const box = this.box.querySelector("[data-controls]"), { image } = this;
    MM.choices(box, "Window", image.windows.map((w) => ({ value: w.name, label: w.name })), (name) => { this.window = image.windows.find((w) => w.name === name); this.draw(); });
    if (image.outlines.length) {
      const field = MM.element("fieldset", { class: "choices" }, MM.element("legend", {}, "Outline"));
      image.outlines.forEach((outline, n) => {
        const input = MM.element("input", { type: "checkbox" });
        input.checked = true;
        input.addEventListener("change", () => { this.outlines[input.checked ? "add" : "delete"](n); this.draw(); });
        field.append(MM.element("label", { class: `outline-${n % 2}` }, input, MM.element("span", {}, outline.name)));
      });
      box.append(field);
    }
    if (!image.heat_maps.length) return;
    const select = MM.element("select", { "data-heat": "" }, MM.element("option", { value: "" }, "none"), ...image.heat_maps.map((map) => MM.element("option", { value: map.key }, map.label)));
    const opacity = MM.element("input", { type: "range", min: "0", max: "100", value: "45", "data-opacity": "" });
    select.addEventListener("change", () => this.choose(select.value));
    opacity.addEventListener("input", () => { this.opacity = Number(opacity.value) / 100; this.draw(); });
    box.append(MM.element("label", {}, "Where the model looked", select), MM.element("label", {}, "Opacity of the heat map", opacity));
    select.value = image.heat_maps[0].key;
    this.choose(select.value);
  }
};

MM.viewers = () => {
  MM.shown = MM.data.images.map((image, n) => {
    const viewer = new MM.Viewer(document.getElementById(`image-${n}`), image);
    viewer.start().catch((error) => { viewer.box.querySelector("[data-said]").textContent = `The image cannot be shown in this browser (${error.message}); a browser of 2023 or newer can.`; });
    return viewer;
  });
};
