// The address of a new calendar subscription: copy it with one press. Without this script it is copied by hand.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // No secure context: the old way copies what is selected.
      document.execCommand("copy");
    }
    button.textContent = button.dataset.copied;
  });
}

for (const field of document.querySelectorAll("input[data-whole]")) {
  field.addEventListener("focus", () => field.select());
}
