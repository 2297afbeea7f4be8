// A form that takes a while says so on its button, from its attribute data-busy.

document.addEventListener("submit", ({ submitter }) => {
  if (submitter?.dataset.busy) submitter.textContent = submitter.dataset.busy;
});
