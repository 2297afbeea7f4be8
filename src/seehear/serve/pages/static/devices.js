// The microphone and the camera: opening them, and saying in words why that is not possible.

const DEVICES = {
  audio: { name: "microphone", act: "listen", file: "a recording" },
  video: { name: "camera", act: "use the camera", file: "a picture" },
};
const PORTION = 2048; // samples

// kind: audio or video. Throws an Error whose message is for people.
export async function openDevice(kind, constraints) {
  const { name, act, file } = DEVICES[kind];
  if (!isSecureContext || !navigator.mediaDevices) {
    throw new Error(
      `Browsers allow the ${name} only over HTTPS: start seehear with --lan, and open the https address that it prints. ` +
        `Or use this device's own app, and choose the file.`,
    );
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ [kind]: constraints });
  } catch (error) {
    throw new Error(explain(error, { name, act, file }));
  }
}

function explain(error, { name, act, file }) {
  if (error.name === "NotFoundError") return `No ${name} was found. You can choose ${file} instead.`;
  if (error.name === "NotReadableError") return `Another program uses the ${name}. Close it there, then try again.`;
  if (error.name === "NotAllowedError") {
    return (
      `The browser does not let this page ${act}. Press the icon to the left of the address, allow the ${name}, ` +
      `and try again. Or choose ${file}.`
    );
  }
  return `The ${name} cannot be used (${error.message}).`;
}

// Samples from the microphone, as they come: `hear` is called with Float32Arrays at `rate` Hz.
export class Microphone {
  constructor(hear) {
    this.hear = hear;
  }

  // rate: the one that is wanted; by default that of the device. Throws an Error whose message is for people.
  async open(rate) {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
    const stream = await openDevice("audio", plain);
    this.stream = stream;
    this.context = new AudioContext(rate ? { sampleRate: rate } : {});
    this.rate = this.context.sampleRate;
    await this.context.audioWorklet.addModule(new URL("samples.js", import.meta.url));
    if (this.stream !== stream) return; // closed meanwhile
    this.node = new AudioWorkletNode(this.context, "samples", { processorOptions: { portion: PORTION } });
    this.node.port.onmessage = (event) => this.stream && this.hear(event.data);
    this.context.createMediaStreamSource(stream).connect(this.node);
    await this.context.resume();
  }

  get name() {
    return this.stream?.getAudioTracks()[0]?.label ?? "";
  }

  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.context?.close();
    this.context = null;
  }
}

// What a level means to somebody who records: the largest sample so far, from 0 to 1.
export function describeLevel(loudest) {
  if (loudest >= 0.99) return "Too loud: go further away.";
  return loudest < 0.03 ? "Too quiet: go closer." : "Loud enough.";
}
