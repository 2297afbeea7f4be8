// <sh-progress>: replaces its content whenever the server reports progress. A browser opens only a few
// connections to one server, for all tabs together, so a hidden tab closes its own.

class Progress extends HTMLElement {
  connectedCallback() {
    this.listen();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.listen()));
    addEventListener("pagehide", () => this.close());
  }

  listen() {
    if (this.events) return;
    this.events = new EventSource(this.dataset.source);
    this.events.addEventListener("progress", (event) => {
      this.innerHTML = event.data; // made by the server's template, which escapes
    });
    this.events.addEventListener("done", () => {
      this.close();
      location.reload();
    });
  }

  close() {
    this.events?.close();
    this.events = null;
  }
}

customElements.define("sh-progress", Progress);
