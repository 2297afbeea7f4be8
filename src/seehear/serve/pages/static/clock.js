// Times in a recording: 0:03.25, 1:02:03.50.

export function toClock(seconds) {
  const hundredths = Math.round(100 * seconds);
  const [hours, minutes] = [Math.floor(hundredths / 360_000), Math.floor(hundredths / 6000) % 60];
  const rest = ((hundredths % 6000) / 100).toFixed(2).padStart(5, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

// null for what is no time.
export function fromClock(text) {
  const found = /^(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d+)?)$/.exec(text.trim());
  return found ? 3600 * (found[1] ?? 0) + 60 * (found[2] ?? 0) + Number(found[3].replace(",", ".")) : null;
}
