// The choice of a kind for what is recorded or photographed.

export function chosenKind(element) {
  return element.querySelector("input[name=kind]:checked")?.value ?? "";
}

// Numbers choose a kind here unless examples are selected, which they would move.
export function chooseKindsByKeys(element, signal) {
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.body.dataset.singleKeys === "off") return;
      if (event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select")) return;
      if (document.querySelector("input[name=example]:checked")) return;
      const kind = element.querySelector(`input[name=kind][data-number="${event.key}"]`);
      if (!kind) return;
      event.preventDefault();
      kind.checked = true;
    },
    { capture: true, signal },
  );
}
