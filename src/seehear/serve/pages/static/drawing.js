// <sh-drawing>: boxes or outlines are drawn on a picture, by mouse, touch and keyboard, and saved together.
// Without this script, the form inside has a table with the same numbers.

import { boundsOf, boxBetween, isBox, overlap, pointsOf, resized, shifted, simplified, snap, withCorner } from "./geometry.js";
import { wordsOf } from "./parts.js";
import { Picture } from "./picture.js";
import { sendUntilAnswered } from "./saving.js";

const CLICK_PX = 4; // a pointer that moved less was not dragged
const NEAR_PX = 12; // of the first corner, where a click ends an outline
const SAME = 0.5; // overlap from which a proposal is of something that is drawn already
const FINE = 1.5; // pixels of the screen that a line drawn by hand may be simplified by
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const UNKNOWN = { name: null, letters: "?", colour: "#54606b", ink: "#ffffff" };

class Drawing extends HTMLElement {
  connectedCallback() {
    const { regions, proposals, ...given } = JSON.parse(this.dataset.drawing);
    Object.assign(this, given); // size, tilePx, noun, twoCorners, classes
    if (!this.size) return;
    this.list = regions;
    this.saved = JSON.stringify(regions);
    this.undone = [];
    this.refused = []; // proposals, which are not made again on this page
    this.selected = this.corner = this.pending = this.drag = null;
    this.label = this.classes[0]?.name ?? null;
    this.form = this.querySelector("form");
    this.picture = new Picture(this, this.size, this.tilePx);
    this.querySelector("[data-rows]").remove();
    for (const each of this.querySelectorAll("[data-press=begin], [data-press=undo], [data-zoom], [data-classes], [data-new-class]"))
      each.hidden = false;
    this.listen();
    this.propose(proposals);
    this.show();
  }

  listen() {
    const { svg, stage } = this.picture;
    svg.addEventListener("pointerdown", (event) => this.press(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", (event) => this.release(event));
    svg.addEventListener("pointercancel", () => this.cancel());
    svg.addEventListener("focusin", (event) => this.focused(event));
    stage.addEventListener("keydown", (event) => this.type(event));
    this.addEventListener("click", (event) => this.click(event));
    this.addEventListener("change", (event) => this.change(event));
    this.addEventListener("keydown", (event) => this.enter(event));
    this.form.addEventListener("submit", (event) => this.submit(event));
    // Before the keys of the page, whose "Undo" takes back what was saved.
    document.addEventListener("keydown", (event) => this.undoByKey(event), true);
    addEventListener("beforeunload", (event) => this.changed && !this.leaving && event.preventDefault());
    new ResizeObserver(() => this.zoomTo(1)).observe(stage);
  }

  get drawn() {
    return this.list.filter((region) => !region.proposed);
  }

  get proposed() {
    return this.list.filter((region) => region.proposed);
  }

  get changed() {
    return JSON.stringify(this.drawn) !== this.saved;
  }

  get chosen() {
    return this.list[this.selected];
  }

  markOf(label) {
    return this.classes.find((mark) => mark.name === label) ?? { ...UNKNOWN, name: label };
  }

  // Changes. Each is kept, so that it can be undone; arrows pressed one after another are one change.

  edit(change, key = null) {
    if (key === null || key !== this.lastKey) this.undone.push(JSON.stringify([this.list, this.selected]));
    this.lastKey = key;
    change();
    this.show();
  }

  undo() {
    if (this.pending) return this.cancel();
    const before = this.undone.pop();
    if (!before) return;
    [this.list, this.selected] = JSON.parse(before);
    this.corner = this.lastKey = null;
    this.show();
  }

  undoByKey(event) {
    const wanted = event.key.toLowerCase() === "z" && !event.altKey && !event.target.closest("input, select, textarea");
    if (!wanted || !(this.undone.length || this.pending)) return;
    if (document.body.dataset.singleKeys === "off" && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.undo();
  }

  // Whoever corrects a proposal has accepted it.
  put(corners, key) {
    this.edit(() => Object.assign(this.chosen, { corners, proposed: false }), key);
  }

  add(corners) {
    this.pending = null;
    if (this.label === null) {
      this.querySelector("#new-class").focus();
      this.say("First say what kinds of things there are: type a name and press Add.");
      return this.show();
    }
    this.edit(() => {
      this.list.push({ label: this.label, corners, marks: {} });
      this.selected = this.list.length - 1;
      this.corner = null;
    });
    this.picture.focus(this.selected);
    this.say(`${this.describe(this.chosen, this.selected)}.`);
  }

  name(label) {
    this.label = label;
    if (this.chosen) this.edit(() => Object.assign(this.chosen, { label, proposed: false }));
    else this.show();
  }

  removeSelected() {
    if (!this.chosen) return this.say(`Select ${this.noun === "outline" ? "an" : "a"} ${this.noun} first.`);
    const corners = this.chosen.corners;
    if (this.corner !== null && corners.length > 6) {
      const at = this.corner;
      this.corner = null;
      return this.put(corners.toSpliced(2 * at, 2));
    }
    const next = this.list.length > 1 ? Math.min(this.selected, this.list.length - 2) : null;
    this.edit(() => {
      this.list.splice(this.selected, 1);
      this.selected = next;
    });
    this.picture.focus(next);
    this.say("Removed. Z takes it back.");
  }

  select(place) {
    if (place === this.selected) return;
    this.selected = place;
    this.corner = this.lastKey = null;
    if (this.chosen) this.label = this.chosen.label;
    this.show();
  }

  focused(event) {
    const place = [...this.picture.regions.children].indexOf(event.target.closest(".region"));
    if (place >= 0) this.select(place);
  }

  // Pointers

  press(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    const point = this.picture.at(event);
    this.drag = { from: point, at: [event.clientX, event.clientY], moved: false };
    if (this.pending) return;
    this.picture.svg.setPointerCapture(event.pointerId);
    const { handle } = event.target.dataset;
    const place = this.picture.hit(this.list, point);
    if (handle !== undefined) Object.assign(this.drag, { handle, corners: this.chosen.corners });
    else if (place !== null) {
      this.select(place);
      this.picture.focus(place);
      Object.assign(this.drag, { corners: this.chosen.corners });
    } else this.drag.line = [point];
    if (handle !== undefined && !isBox(this.chosen.corners)) this.takeCorner(handle);
  }

  takeCorner(handle) {
    if (!handle.startsWith("+")) this.corner = Number(handle);
    else {
      this.insertCorner(Number(handle.slice(1)));
      Object.assign(this.drag, { handle: String(this.corner), corners: this.chosen.corners, moved: true });
    }
    this.show();
  }

  // Halfway between a corner and the one before it.
  insertCorner(place) {
    const points = pointsOf(this.chosen.corners);
    const [[x1, y1], [x2, y2]] = [points[place], points.at(place - 1)];
    this.put([...points.slice(0, place), snap([(x1 + x2) / 2, (y1 + y2) / 2], this.size), ...points.slice(place)].flat());
    this.corner = place;
  }

  move(event) {
    const point = this.picture.at(event);
    if (this.pending?.corners) return this.showPending(point);
    if (!this.drag || this.pending) return;
    const far = Math.hypot(event.clientX - this.drag.at[0], event.clientY - this.drag.at[1]) >= CLICK_PX;
    if (!this.drag.moved && !far) return;
    const { corners, handle, from, line } = this.drag;
    const first = !this.drag.moved;
    this.drag.moved = true;
    if (line) return this.dragLine(point);
    const changed = this.dragged(corners, handle, [point[0] - from[0], point[1] - from[1]], point);
    if (first) this.lastKey = null;
    this.put(changed, "drag");
  }

  dragged(corners, handle, by, point) {
    if (handle === undefined) return shifted(corners, by.map(Math.round), this.size);
    if (isBox(corners)) return resized(corners, handle, point, this.size);
    return withCorner(corners, Number(handle), point, this.size);
  }

  // A new region: a box between two points, or an outline by hand.
  dragLine(point) {
    this.drag.line.push(point);
    const { line } = this.drag;
    const shape = this.twoCorners ? boxBetween(line[0], point, this.size) : line.map((each) => snap(each, this.size)).flat();
    this.picture.showPending(shape);
  }

  release(event) {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    const point = this.picture.at(event);
    const still = Math.hypot(event.clientX - drag.at[0], event.clientY - drag.at[1]) < CLICK_PX;
    if (this.pending) {
      if (!still && this.twoCorners && !this.pending.corners) return this.add(boxBetween(drag.from, point, this.size));
      return this.setCorner(point);
    }
    if (!drag.line) return;
    if (still) return this.select(null);
    if (this.twoCorners) return this.add(boxBetween(drag.line[0], point, this.size));
    const points = simplified(drag.line, FINE * this.picture.scale).map((each) => snap(each, this.size));
    if (points.length >= 3) this.add(points.flat());
    else this.cancel();
  }

  cancel() {
    this.pending = this.drag = null;
    this.say("");
    this.show();
  }

  // A new region corner by corner: by clicks, or by a cross that the arrows move.

  begin() {
    this.select(null);
    this.pending = { cross: snap(this.picture.middle, this.size), corners: null };
    this.picture.stage.focus({ preventScroll: true });
    this.say(
      this.twoCorners
        ? "New box: click two opposite corners, or move the cross with the arrows and press Enter at each. Esc stops."
        : "New outline: click each corner, the first one again at the end. Or move the cross with the arrows and press Enter at each corner, twice at the last. Esc stops.",
    );
    this.showPending(this.pending.cross);
  }

  showPending(point) {
    this.pending.cross = snap(point, this.size);
    const set = this.pending.corners;
    const shape = set && (this.twoCorners ? boxBetween(set, point, this.size) : [...set, ...this.pending.cross]);
    this.picture.showPending(shape, this.pending.cross);
  }

  setCorner(point) {
    const corner = snap(point, this.size);
    const set = this.pending.corners;
    if (set && this.twoCorners) return this.add(boxBetween(set, point, this.size));
    if (set && this.ends(corner)) {
      if (set.length >= 6) return this.add(set);
      return this.say("An outline has at least three corners.");
    }
    this.pending.corners = [...(set ?? []), ...corner];
    this.say(`Corner at ${corner.join(", ")}.`);
    this.showPending(point);
  }

  // Whether a corner of an outline is set where the first or the last one is.
  ends([x, y]) {
    const points = pointsOf(this.pending.corners);
    const [[x1, y1], [x2, y2]] = [points[0], points.at(-1)];
    const near = points.length > 2 && Math.hypot(x - x1, y - y1) < NEAR_PX * this.picture.scale;
    return near || (x === x2 && y === y2);
  }

  // Keys, while the picture has the focus. Letters of buttons are pressed by keys.js.

  type(event) {
    const step = ARROWS[event.key];
    const far = Math.max(1, Math.round(this.picture.scale)) * (event.altKey ? 10 : 1);
    if (step && this.pending) this.showPending(this.pending.cross.map((value, axis) => value + far * step[axis]));
    else if (step && this.chosen) this.nudge(step.map((value) => value * far), event.shiftKey);
    else if (event.key === "Enter" && this.pending) this.setCorner(this.pending.cross);
    else if (event.key === "Escape" && this.pending) this.cancel();
    else if (event.key === "Escape" && this.chosen) this.select(null);
    else if (this.chosen && !this.twoCorners && "[]i".includes(event.key)) this.chooseCorner(event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  nudge([dx, dy], resizes) {
    const { corners } = this.chosen;
    if (this.corner !== null) {
      const [x, y] = pointsOf(corners)[this.corner];
      this.put(withCorner(corners, this.corner, [x + dx, y + dy], this.size), "arrows");
    } else if (resizes && isBox(corners)) {
      const [right, bottom] = [corners[2] + dx, corners[3] + dy];
      this.put(resized(corners, "se", [Math.max(right, corners[0] + 1), Math.max(bottom, corners[1] + 1)], this.size), "arrows");
    } else this.put(shifted(corners, [dx, dy], this.size), "arrows");
    this.say(`${this.corners()}.`);
  }

  chooseCorner(key) {
    const count = this.chosen.corners.length / 2;
    if (key === "i" && this.corner !== null) this.insertCorner(this.corner);
    else if (key === "i") return this.say("Choose a corner first, by [ or ].");
    else this.corner = ((this.corner ?? (key === "]" ? -1 : 0)) + (key === "]" ? 1 : -1) + count) % count;
    this.lastKey = null;
    this.show();
    this.say(`Corner ${this.corner + 1} of ${this.chosen.corners.length / 2}: ${this.corners()}.`);
  }

  // Buttons and fields

  click(event) {
    const label = event.target.closest("[data-label]");
    if (label) return this.name(label.dataset.label);
    const button = event.target.closest("[data-press]");
    if (!button) return;
    event.preventDefault();
    this[button.dataset.press]();
  }

  change(event) {
    const { side } = event.target.dataset;
    const value = Number.parseFloat(event.target.value);
    if (side === undefined || !this.chosen || Number.isNaN(value)) return this.show();
    const { corners } = this.chosen;
    if (isBox(corners)) {
      const changed = corners.with(Number(side), value);
      this.put(boxBetween(changed.slice(0, 2), changed.slice(2), this.size));
    } else if (this.corner !== null) {
      const point = pointsOf(corners)[this.corner].with(Number(side), value);
      this.put(withCorner(corners, this.corner, point, this.size));
    }
  }

  enter(event) {
    if (event.key !== "Enter" || !event.target.matches("input")) return;
    event.preventDefault();
    if (event.target.id === "new-class") this.addClass();
    else this.change(event);
  }

  async addClass() {
    const field = this.querySelector("#new-class");
    const name = field.value.trim();
    if (!name) return field.focus();
    const sent = await this.post(`${this.dataset.address}/teach/kind`, { name });
    if (!sent) return;
    this.takeClasses(sent.classes);
    field.value = "";
    this.name(name);
    this.picture.focus(this.selected);
  }

  takeClasses(classes) {
    const own = this.classes.filter((mark) => !classes.some((each) => each.name === mark.name));
    this.classes = [...classes, ...own];
    this.label ??= this.classes[0]?.name ?? null;
  }

  zoomIn() {
    this.zoomTo(1.5);
  }

  zoomOut() {
    this.zoomTo(1 / 1.5);
  }

  fit() {
    this.zoomTo(0);
  }

  zoomTo(factor) {
    this.picture.layOut(this.picture.zoom * factor);
    this.show();
  }

  // Proposals

  async propose(given = null) {
    if (given) return this.takeProposals(given);
    this.say("Looking for proposals…");
    try {
      const address = `${this.dataset.address}/teach/${this.dataset.example}/proposals`;
      const response = await fetch(address, { headers: { "HX-Request": "true" } });
      if (!response.ok) return this.say(await wordsOf(response));
      const { regions, words, classes } = await response.json();
      this.takeClasses(classes);
      this.querySelector("[data-proposals-words]").textContent = words;
      this.form.elements.propose.value = "true";
      this.takeProposals(regions);
      this.say(this.proposed.length ? `${this.counted(this.proposed.length, "proposal")}.` : "Nothing more is proposed.");
    } catch {
      this.say("The server does not answer, so nothing could be proposed. What you drew is still here.");
    }
  }

  // Only of what is not drawn, proposed or refused yet.
  takeProposals(regions) {
    const known = [...this.list, ...this.refused];
    const fresh = regions.filter((each) => !known.some((drawn) => drawn.label === each.label && overlap(drawn.corners, each.corners) >= SAME));
    this.list.push(...fresh.map((each) => ({ ...each, proposed: true })));
    this.show();
  }

  accept() {
    if (this.chosen?.proposed) this.edit(() => Object.assign(this.chosen, { proposed: false }));
  }

  acceptAll() {
    const number = this.proposed.length;
    this.edit(() => this.list.forEach((region) => Object.assign(region, { proposed: false })));
    this.say(`${this.counted(number, "proposal")} accepted. Z takes it back.`);
  }

  reject() {
    if (!this.chosen?.proposed) return;
    this.refused.push(this.chosen);
    this.corner = null;
    this.removeSelected();
    this.say("Rejected. Z takes it back.");
  }

  rejectAll() {
    this.refused.push(...this.proposed);
    this.edit(() => {
      this.list = this.drawn;
      this.selected = null;
    });
  }

  // Saving

  async submit(event) {
    event.preventDefault();
    const { name } = event.submitter ?? {};
    if (this.leaving || (name === "done" && !this.isDrawn())) return;
    if (name === "nothing" && this.drawn.length)
      return this.say(`${this.counted(this.drawn.length, this.noun)} are drawn. Remove them first if there is nothing in it.`);
    const fields = Object.fromEntries(["seen", "next", "only", "propose"].map((each) => [each, this.form.elements[each].value]));
    if (name) fields[name] = "1";
    const background = this.form.elements.background?.value || null;
    const regions = this.drawn.map(({ label, corners, marks }) => ({ label, corners, marks }));
    this.leaving = true;
    const sent = await this.post(this.form.action, { ...fields, drawing: JSON.stringify({ regions, background }) });
    if (sent) location.assign(sent.address);
    else this.leaving = false;
  }

  isDrawn() {
    if (this.drawn.length) return true;
    const waiting = this.proposed.length ? "Accept or correct what is proposed, or" : "Draw what you see, or";
    this.say(`No ${this.noun} is drawn yet. ${waiting} press “Nothing in it”.`);
    return false;
  }

  post(address, fields) {
    const number = this.drawn.length;
    const kept = `Your ${this.counted(number, this.noun)} ${number === 1 ? "is" : "are"} kept in this page, and saved as soon as it does.`;
    return sendUntilAnswered(address, fields, (words) => this.say(words), kept);
  }

  // Showing

  show() {
    if (this.selected !== null && !this.chosen) this.selected = null;
    const describe = (region, place) => this.describe(region, place);
    const { selected, corner } = this;
    this.picture.show(this.list, (label) => this.markOf(label), { selected, corner, describe });
    this.picture.showPending(null, null);
    if (this.pending) this.showPending(this.pending.cross);
    this.showClasses();
    this.showSelected();
    const some = this.proposed.length;
    this.querySelector("[data-proposals-title]").textContent = some ? this.counted(some, "proposal") : "Proposals";
    for (const press of ["acceptAll", "rejectAll"]) this.querySelector(`[data-press=${press}]`).hidden = !some;
  }

  // Numbers belong to classes in an order that never changes.
  showClasses() {
    const shown = this.querySelector("[data-classes]");
    while (shown.childElementCount > this.classes.length) shown.lastElementChild.remove();
    while (shown.childElementCount < this.classes.length) shown.append(this.querySelector("template[data-class]").content.cloneNode(true));
    for (const [i, mark] of this.classes.entries()) {
      const button = shown.children[i].firstElementChild;
      button.dataset.label = mark.name;
      if (i < 9) button.dataset.key = String(i + 1);
      button.setAttribute("aria-pressed", String(mark.name === this.label));
      button.querySelector("kbd").textContent = i < 9 ? String(i + 1) : "";
      button.querySelector("rect").setAttribute("fill", mark.colour);
      button.querySelector("text").setAttribute("fill", mark.ink);
      button.querySelector("text").textContent = mark.letters;
      button.querySelector("bdi").textContent = mark.name;
      button.querySelector("b").textContent = this.drawn.filter((region) => region.label === mark.name).length;
    }
  }

  showSelected() {
    const panel = this.querySelector("[data-selected]");
    panel.hidden = !this.chosen;
    if (!this.chosen) return;
    panel.querySelector("[data-selected-title]").textContent = `Selected: ${this.chosen.label ?? "not known"}`;
    panel.querySelector("[data-selected-proposed]").hidden = !this.chosen.proposed;
    panel.querySelector("[data-press=removeSelected]").hidden = Boolean(this.chosen.proposed);
    this.linkSimilar(panel.querySelector("[data-similar]"));
    const corners = this.twoCorners ? this.chosen.corners : pointsOf(this.chosen.corners)[this.corner];
    panel.querySelector(".sides").hidden = !corners; // of an outline without a chosen corner
    if (!corners) return;
    for (const field of panel.querySelectorAll("[data-side]"))
      field.value = Number(corners[field.dataset.side].toFixed(2));
  }

  // What is drawn but not saved yet is looked for as well: the address has its box.
  linkSimilar(link) {
    const box = boundsOf(this.chosen.corners).map((edge) => edge.toFixed(1)).join(",");
    const query = new URLSearchParams({ example: this.dataset.example, box });
    link.href = `${this.dataset.address}/teach/similar?${query}`;
  }

  // "W white cell, box 3 of 16, 108, 194 to 281, 372": it begins with what is written on the picture.
  describe(region, place) {
    const proposed = region.proposed ? `proposed, ${Math.floor(100 * region.confidence)} of 100 sure, ` : "";
    const number = `${this.noun} ${place + 1} of ${this.list.length}`;
    const { letters } = this.markOf(region.label);
    return `${letters}${region.proposed ? "?" : ""} ${region.label ?? "not known"}, ${proposed}${number}, ${this.corners(region)}`;
  }

  corners(region = this.chosen) {
    const points = this.corner !== null && region === this.chosen ? [pointsOf(region.corners)[this.corner]] : pointsOf(region.corners);
    if (points.length > 2) return this.counted(points.length, "corner");
    return points.map((point) => point.map((value) => Math.round(value)).join(", ")).join(" to ");
  }

  counted(number, noun) {
    return `${number} ${noun}${number === 1 ? "" : noun === "box" ? "es" : "s"}`;
  }

  say(words) {
    this.querySelector("[data-words]").textContent = words;
  }
}

customElements.define("sh-drawing", Drawing);
