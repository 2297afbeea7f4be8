// The picture with its regions, as SVG in pixels of the file: drawing regions and handles, zooming, and where a pointer is.
// What is shown larger than the reduced picture has it is covered with tiles in full detail.

import { areaOf, boundsOf, contains, isBox, pathOf, pointsOf, toFile } from "./geometry.js";

const SVG = "http://www.w3.org/2000/svg";
const HANDLES = { nw: [0, 1], n: [0.5, 1], ne: [2, 1], e: [2, 0.5], se: [2, 3], s: [0.5, 3], sw: [0, 3], w: [0, 0.5] };
const HANDLE_PX = 11; // of the screen
const MOST_HEIGHT = 0.78; // of the window
const MOST_ZOOM = 32;
const REDUCED_PX = 2048; // the longer side of the reduced picture

export class Picture {
  constructor(root, size, tilePx) {
    this.svg = root.querySelector("[data-picture]");
    this.stage = root.querySelector("[data-stage]");
    this.regions = root.querySelector("[data-regions]");
    this.handles = root.querySelector("[data-handles]");
    this.tiles = root.querySelector("[data-tiles]");
    this.tilePx = tilePx;
    this.stage.addEventListener("scroll", () => this.showTiles());
    this.template = root.querySelector("template[data-region]").content.querySelector(".region");
    this.size = size;
    this.zoom = 1;
    this.regions.replaceChildren();
    this.layOut();
  }

  // The picture as large as the page allows, times the zoom. The middle of what is shown stays where it is.
  layOut(zoom = this.zoom) {
    const middle = this.middle;
    this.zoom = Math.min(Math.max(zoom, 1), MOST_ZOOM);
    const [width, height] = this.size;
    const room = this.stage.clientWidth;
    const fits = Math.min(room, (innerHeight * MOST_HEIGHT * width) / height);
    this.stage.style.height = `${(fits * height) / width}px`;
    this.svg.setAttribute("width", fits * this.zoom);
    this.svg.setAttribute("height", (fits * this.zoom * height) / width);
    this.stage.scrollLeft = (middle[0] * fits * this.zoom) / width - room / 2;
    this.stage.scrollTop = (middle[1] * fits * this.zoom) / width - this.stage.clientHeight / 2;
    this.showTiles();
  }

  // Those that are in sight, if the reduced picture has less detail than the screen could show.
  showTiles() {
    const longest = Math.max(...this.size);
    const wanted = new Map();
    if (longest > REDUCED_PX && (longest / this.scale) * devicePixelRatio > REDUCED_PX) {
      const stage = this.stage.getBoundingClientRect();
      const place = (clientX, clientY) => this.at({ clientX, clientY }).map((each) => Math.floor(each / this.tilePx));
      const last = this.size.map((side) => Math.ceil(side / this.tilePx) - 1);
      const [left, top] = place(stage.left, stage.top).map((each) => Math.max(0, each));
      const [right, bottom] = place(stage.right, stage.bottom).map((each, axis) => Math.min(last[axis], each));
      for (let row = top; row <= bottom; row += 1) for (let column = left; column <= right; column += 1) wanted.set(`${column}-${row}`, [column, row]);
    }
    for (const tile of [...this.tiles.children]) if (!wanted.delete(tile.dataset.tile)) tile.remove();
    for (const [name, [column, row]] of wanted) this.tiles.append(this.tile(name, column * this.tilePx, row * this.tilePx));
  }

  tile(name, x, y) {
    const made = document.createElementNS(SVG, "image");
    const [width, height] = [Math.min(this.tilePx, this.size[0] - x), Math.min(this.tilePx, this.size[1] - y)];
    const values = { x, y, width, height, preserveAspectRatio: "none", href: `${this.tiles.dataset.tiles}/${name}.jpg`, "data-tile": name };
    for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
    return made;
  }

  get scale() {
    return this.size[0] / this.svg.getBoundingClientRect().width; // pixels of the file in one of the screen
  }

  // In pixels of the file.
  get middle() {
    const stage = this.stage.getBoundingClientRect();
    return this.at({ clientX: stage.left + stage.width / 2, clientY: stage.top + stage.height / 2 });
  }

  at(event) {
    return toFile([event.clientX, event.clientY], this.svg.getBoundingClientRect(), this.size);
  }

  // Of regions above one another, the smallest.
  hit(regions, point) {
    const there = [...regions.keys()].filter((i) => contains(regions[i].corners, point));
    return there.sort((a, b) => areaOf(regions[a].corners) - areaOf(regions[b].corners))[0] ?? null;
  }

  // `describe` says a region in words; `selected` is its place, `corner` that of one of its corners.
  show(regions, marks, { selected, corner, describe }) {
    while (this.regions.childElementCount > regions.length) this.regions.lastElementChild.remove();
    while (this.regions.childElementCount < regions.length) this.regions.append(this.template.cloneNode(true));
    for (const [i, region] of regions.entries()) {
      const chosen = i === selected;
      const shown = this.regions.children[i];
      const mark = marks(region.label);
      shown.classList.toggle("proposed", Boolean(region.proposed));
      shown.classList.toggle("selected", chosen);
      for (const path of shown.querySelectorAll("path")) path.setAttribute("d", pathOf(region.corners));
      shown.querySelector(".edge").setAttribute("stroke", mark.colour);
      this.write(shown, mark, region, chosen);
      for (const [name, value] of Object.entries({ role: "button", tabindex: "0", "aria-pressed": String(chosen) }))
        shown.setAttribute(name, value);
      shown.setAttribute("aria-label", describe(region, i));
    }
    this.handles.replaceChildren(...(selected === null ? [] : this.handlesOf(regions[selected].corners, corner)));
  }

  write(shown, mark, region, chosen) {
    const [letters, text] = [shown.querySelector(".letters"), shown.querySelector("text")];
    const [left, top] = boundsOf(region.corners);
    text.textContent = `${mark.letters}${region.proposed ? "?" : ""}${chosen ? ` ${region.label ?? ""}`.slice(0, 30) : ""}`;
    text.setAttribute("fill", mark.ink);
    letters.querySelector("rect").setAttribute("fill", mark.colour);
    letters.querySelector("rect").setAttribute("width", text.getComputedTextLength() + 10);
    const above = chosen && top / this.scale > 24 ? 22 * this.scale : 0; // room for the handles
    letters.setAttribute("transform", `translate(${left} ${top - above}) scale(${this.scale})`);
  }

  handlesOf(corners, corner) {
    const side = HANDLE_PX * this.scale;
    const place = ([x, y], handle, kind) => {
      const made = document.createElementNS(SVG, "rect");
      const values = { x: x - side / 2, y: y - side / 2, width: side, height: side, class: kind, "data-handle": handle };
      for (const [name, value] of Object.entries(values)) made.setAttribute(name, value);
      return made;
    };
    if (isBox(corners)) {
      const values = [...corners];
      const at = (axis, where) => (where === 0.5 ? (values[axis] + values[axis + 2]) / 2 : values[where]);
      return Object.entries(HANDLES).map(([name, [x, y]]) => place([at(0, x), at(1, y)], name, `handle ${name}`));
    }
    const points = pointsOf(corners);
    const halfway = points.map(([x, y], i) => [(x + points.at(i - 1)[0]) / 2, (y + points.at(i - 1)[1]) / 2]);
    return [
      ...halfway.map((point, i) => place(point, `+${i}`, "handle between")),
      ...points.map((point, i) => place(point, String(i), `handle${i === corner ? " chosen" : ""}`)),
    ];
  }

  // What is being drawn: a line, and the cross of the keyboard.
  showPending(corners, cross) {
    this.pending?.remove();
    this.pending = document.createElementNS(SVG, "g");
    const line = (path, kind) => {
      const made = document.createElementNS(SVG, "path");
      made.setAttribute("d", path);
      made.setAttribute("class", kind);
      this.pending.append(made);
    };
    if (corners) line(pathOf(corners, isBox(corners)), "halo");
    if (corners) line(pathOf(corners, isBox(corners)), "pending");
    if (cross) {
      const [[x, y], [width, height]] = [cross, this.size];
      for (const kind of ["halo", "cross"]) line(`M0 ${y}H${width}M${x} 0V${height}`, kind);
    }
    this.svg.append(this.pending);
  }

  focus(place) {
    (this.regions.children[place] ?? this.stage).focus({ preventScroll: true });
  }
}
