"use strict";
// Comfort only: the page says everything without it. Texts are read and written as texts, never as markup.
(() => {
  // Tables sort by a click on a heading: numbers as numbers, all else as text.
  const value = (row, index) => {
    const text = row.cells[index].textContent.trim();
    const number = Number(text.replaceAll(",", ""));
    return text !== "" && !Number.isNaN(number) ? number : text;
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, index) => {
      if (heading.classList.contains("plain")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const isNumber = heading.classList.contains("n");
        const before = heading.getAttribute("aria-sort");
        const order = before === null ? (isNumber ? "descending" : "ascending") : before === "ascending" ? "descending" : "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [value(row, index), row]);
        rows.sort((a, b) => sign * compare(a[0], b[0]));
        body.append(...rows.map((pair) => pair[1]));
      });
    });
  }
  // The numbers under the pointer, below the chart.
  for (const figure of document.querySelectorAll("figure.time")) {
    const readout = figure.querySelector(".readout");
    readout.hidden = false;
    readout.textContent = "Point at a bar to read its numbers.";
    figure.addEventListener("pointerover", (event) => {
      const title = event.target.closest(".hits rect")?.querySelector("title");
      if (title) readout.textContent = title.textContent;
    });
  }
})();
