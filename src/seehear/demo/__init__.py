"""Examples that need no download: real handwritten digits, and spoken ones that espeak-ng makes up."""
