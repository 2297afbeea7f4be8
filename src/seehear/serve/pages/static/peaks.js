// Draws peaks on a canvas, in the colours of the theme.

import { toClock } from "./clock.js";

const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600];
const LABEL_PX = 80;
const AXIS_PX = 22;
const BAR_PX = 3;

// peaks: loudness from 0 to `full`. With `first` and `length` in seconds, times are written below them.
export function drawPeaks(canvas, peaks, { full = 1, first = 0, length = 0 } = {}) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const colour = (name) => getComputedStyle(canvas).getPropertyValue(name);
  const middle = (height - (length ? AXIS_PX : 0)) / 2;
  pen.fillStyle = colour("--ink2");
  const bars = Math.max(1, Math.floor(width / BAR_PX));
  for (let i = 0; i < bars; i += 1) {
    const [begin, end] = [Math.floor((i * peaks.length) / bars), Math.floor(((i + 1) * peaks.length) / bars)];
    let loudest = 0;
    for (let j = begin; j < Math.max(end, begin + 1); j += 1) loudest = Math.max(loudest, peaks[j] ?? 0);
    const size = Math.max(1, (loudest / full) * (middle - 4));
    pen.fillRect((i * width) / bars, middle - size, Math.max(1, width / bars - 1), 2 * size);
  }
  if (length) drawTimes(pen, { width, height, first, length, colour: colour("--ink3") });
}

function drawTimes(pen, { width, height, first, length, colour }) {
  const step = STEPS_S.find((each) => (each / length) * width >= LABEL_PX) ?? STEPS_S.at(-1);
  pen.fillStyle = colour;
  pen.font = "13px sans-serif";
  for (let at = Math.ceil(first / step) * step; at <= first + length; at += step) {
    const x = ((at - first) / length) * width;
    const words = step < 1 ? toClock(at).slice(0, -1) : toClock(at).slice(0, -3);
    pen.fillText(words, Math.min(x + 2, width - pen.measureText(words).width), height - 6);
    pen.fillRect(x, height - AXIS_PX, 1, 6);
  }
}
