"""Examples without a download: real handwritten digits, and spoken ones that espeak-ng synthesises."""
