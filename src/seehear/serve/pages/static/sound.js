// Sound as samples from -1 to 1: joining it, writing it as a wav file, and cutting it into pieces.

const FRAME_S = 0.02;
const PAUSE_S = 0.5; // a shorter one does not cut
const LEAST_S = 0.15; // of sound in a piece
const MARGIN_S = 0.1; // kept before and after the sound
const LEAST_LEVEL = 0.004;
const OVER_NOISE = 3; // times the level of the quiet frames
const QUIET_SHARE = 0.1;

export function join(portions) {
  const joined = new Float32Array(portions.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of portions) {
    joined.set(each, at);
    at += each.length;
  }
  return joined;
}

export function toPcm(samples) {
  return Int16Array.from(samples, (each) => Math.round(Math.max(-1, Math.min(1, each)) * 32767));
}

// A wav file of 16 bits, mono: RIFF WAVE, 44 bytes of header.
export function toWav(samples, rate) {
  const pcm = toPcm(samples);
  const header = new DataView(new ArrayBuffer(44));
  const write = (at, text) => [...text].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  write(0, "RIFF");
  header.setUint32(4, 36 + pcm.byteLength, true);
  write(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true); // PCM
  header.setUint16(22, 1, true); // channels
  header.setUint32(24, rate, true);
  header.setUint32(28, 2 * rate, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  write(36, "data");
  header.setUint32(40, pcm.byteLength, true);
  return new Blob([header, pcm], { type: "audio/wav" });
}

// The pieces between pauses, as [start, end] in seconds. What is louder than the quiet frames is sound.
export function cutAtPauses(samples, rate) {
  const size = Math.round(FRAME_S * rate);
  const levels = [];
  for (let i = 0; i + size <= samples.length; i += size) {
    let energy = 0;
    for (let j = i; j < i + size; j += 1) energy += samples[j] * samples[j];
    levels.push(Math.sqrt(energy / size));
  }
  const quiet = [...levels].sort((a, b) => a - b)[Math.floor(QUIET_SHARE * levels.length)] ?? 0;
  const loudest = Math.max(0, ...levels);
  const limit = Math.max(LEAST_LEVEL, Math.min(OVER_NOISE * quiet, loudest / 4));
  const pieces = [];
  for (const [i, level] of levels.entries()) {
    if (level <= limit) continue;
    const last = pieces.at(-1);
    if (last && (i - last[1]) * FRAME_S < PAUSE_S) last[1] = i + 1;
    else pieces.push([i, i + 1]);
  }
  const length = samples.length / rate;
  return pieces
    .filter(([begin, end]) => (end - begin) * FRAME_S >= LEAST_S)
    .map(([begin, end]) => [Math.max(0, begin * FRAME_S - MARGIN_S), Math.min(length, end * FRAME_S + MARGIN_S)]);
}

// Pieces of equal length; the last one is left out if it is shorter than half of that.
export function cutEvery(length, seconds) {
  const pieces = [];
  for (let begin = 0; length - begin >= seconds / 2; begin += seconds) pieces.push([begin, Math.min(length, begin + seconds)]);
  return pieces;
}
