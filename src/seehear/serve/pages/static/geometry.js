// Regions of a picture as numbers. Corners are x, y, x, y, … in pixels of the file, from the upper left. Two corners
// are a box, more are an outline. Nothing here knows of the page.

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// A point of the window in pixels of the file, and back. `rect` is where the whole picture is shown.
export function toFile([x, y], rect, [width, height]) {
  return [((x - rect.left) * width) / rect.width, ((y - rect.top) * height) / rect.height];
}

export function toWindow([x, y], rect, [width, height]) {
  return [rect.left + (x * rect.width) / width, rect.top + (y * rect.height) / height];
}

// A whole pixel within the picture.
export function snap([x, y], [width, height]) {
  return [clamp(Math.round(x), 0, width), clamp(Math.round(y), 0, height)];
}

export const isBox = (corners) => corners.length === 4;

export function pointsOf(corners) {
  return Array.from({ length: corners.length / 2 }, (_, i) => [corners[2 * i], corners[2 * i + 1]]);
}

export function boundsOf(corners) {
  const points = pointsOf(corners);
  const [x, y] = [points.map((point) => point[0]), points.map((point) => point[1])];
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

// The box between two points: whole pixels within the picture, at least one pixel on each side.
export function boxBetween(one, other, size) {
  const [a, b] = [snap(one, size), snap(other, size)];
  const box = [0, 1].map((axis) => {
    const low = Math.min(a[axis], b[axis], size[axis] - 1);
    return [low, Math.max(a[axis], b[axis], low + 1)];
  });
  return [box[0][0], box[1][0], box[0][1], box[1][1]];
}

// As far as the picture allows.
export function shifted(corners, [dx, dy], [width, height]) {
  const [left, top, right, bottom] = boundsOf(corners);
  const by = [clamp(dx, -left, width - right), clamp(dy, -top, height - bottom)];
  return corners.map((value, i) => value + by[i % 2]);
}

// A box of which one side or corner was moved to a point. `handle`: n, s, w, e or two of these.
export function resized([left, top, right, bottom], handle, [x, y], size) {
  const fixed = [handle.includes("w") ? right : left, handle.includes("n") ? bottom : top];
  const moved = [/[we]/.test(handle) ? x : fixed[0] === left ? right : left, /[ns]/.test(handle) ? y : bottom];
  return boxBetween(fixed, moved, size);
}

export function withCorner(corners, place, point, size) {
  const [x, y] = snap(point, size);
  return corners.with(2 * place, x).with(2 * place + 1, y);
}

// The formula of the shoelace; of a box, the product of its sides.
export function areaOf(corners) {
  if (isBox(corners)) return (corners[2] - corners[0]) * (corners[3] - corners[1]);
  const points = pointsOf(corners);
  const parts = points.map(([x, y], i) => x * points.at(i - 1)[1] - points.at(i - 1)[0] * y);
  return Math.abs(parts.reduce((sum, part) => sum + part, 0)) / 2;
}

// By the even-odd rule, as masks are made of outlines.
export function contains(corners, [x, y]) {
  if (isBox(corners)) return x >= corners[0] && x <= corners[2] && y >= corners[1] && y <= corners[3];
  const points = pointsOf(corners);
  const crossed = points.filter(([x1, y1], i) => {
    const [x2, y2] = points.at(i - 1);
    return y1 > y !== y2 > y && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1);
  });
  return crossed.length % 2 === 1;
}

// Intersection over union of the boxes around two regions.
export function overlap(one, other) {
  const [a, b] = [boundsOf(one), boundsOf(other)];
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / (areaOf(a) + areaOf(b) - width * height);
}

// A line with fewer points, none of which left out was farther than the tolerance from it (Douglas & Peucker 1973).
export function simplified(points, tolerance) {
  if (points.length < 3) return points;
  const [[x1, y1], [x2, y2]] = [points[0], points.at(-1)];
  const length = Math.hypot(x2 - x1, y2 - y1);
  const distances = points.map(([x, y]) =>
    length ? Math.abs((x2 - x1) * (y1 - y) - (x1 - x) * (y2 - y1)) / length : Math.hypot(x - x1, y - y1),
  );
  const farthest = distances.indexOf(Math.max(...distances));
  if (distances[farthest] <= tolerance) return [points[0], points.at(-1)];
  return [
    ...simplified(points.slice(0, farthest + 1), tolerance).slice(0, -1),
    ...simplified(points.slice(farthest), tolerance),
  ];
}

// For the attribute d of an SVG path.
export function pathOf(corners, closed = true) {
  const [x1, y1, x2, y2] = corners;
  const points = isBox(corners) && closed ? [[x1, y1], [x2, y1], [x2, y2], [x1, y2]] : pointsOf(corners);
  return `M${points.map((point) => point.join(" ")).join("L")}${closed ? "Z" : ""}`;
}
