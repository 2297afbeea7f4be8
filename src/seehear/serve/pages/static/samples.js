// An AudioWorklet: hands the samples of its input to the page, in portions.

class Samples extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.portion = new Float32Array(processorOptions.portion);
    this.filled = 0;
  }

  process([input]) {
    const heard = input[0];
    if (!heard) return true;
    for (const sample of heard) {
      this.portion[this.filled] = sample;
      this.filled += 1;
      if (this.filled < this.portion.length) continue;
      this.port.postMessage(this.portion.slice());
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("samples", Samples);
