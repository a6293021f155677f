"use strict";
// The list of losses: only the rows that have every word of the field, in their text, their task or their other names.
addEventListener("DOMContentLoaded", () => {
  const field = document.querySelector(".filter");
  if (!field) return;
  const names = JSON.parse(document.getElementById("other-names").textContent);
  const plain = (text) => text.toLowerCase().replaceAll("_", " ");
  const rows = [...document.querySelectorAll("article tbody tr")].map((row) => {
    const loss = row.cells[0].textContent.trim(), task = row.closest("section").querySelector("h2").textContent;
    return { row, text: plain([row.textContent, task, ...(names[loss] ?? [])].join(" ")) };
  });
  const count = field.nextElementSibling;
  const show = () => {
    const words = plain(field.value).split(/\s+/).filter(Boolean);
    const shown = rows.filter(({ row, text }) => !(row.hidden = !words.every((word) => text.includes(word))));
    document.querySelector("article").classList.toggle("filtered", words.length > 0);
    count.textContent = words.length ? `${shown.length || "no"} ${shown.length === 1 ? "loss has" : "losses have"} these words` : "";
  };
  field.hidden = false;
  field.addEventListener("input", show);
  show();
});
