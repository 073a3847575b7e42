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
  // The numbers under the pointer, below the chart or below many.
  const titleOf = (node) => node.querySelector(":scope > title").textContent;
  const fromOf = (mark) => Number(mark.dataset.from);
  const rowOf = (cell) => cell.closest(".heat .row");
  for (const readout of document.querySelectorAll(".readout")) {
    const charts = readout.closest("figure") ?? readout.parentElement.querySelector(".multiples:has(+ .readout)");
    readout.hidden = false;
    const isPicked = charts.querySelector(".wide") !== null;
    readout.textContent = "Point at a bar or a cell to read its numbers" + (isPicked ? "; pick it, or draw over several, to limit what is shown." : ".");
    const read = (event) => {
      const mark = event.target.closest(".hits rect, .cell");
      if (!mark) return;
      const of = mark.closest(".row, .pace, .multiples li")?.querySelector("title").textContent;
      readout.textContent = (of ? of + ", " : "") + titleOf(mark);
    };
    charts.addEventListener("pointerover", read);
    charts.addEventListener("focusin", read);
  }
  // Charts over all the width are grids for the keyboard: arrows go from mark to mark, Enter picks one, Shift with arrows picks a stretch
  // of time, Escape is all again.
  const act = { pick: () => {}, stretch: () => {}, all: () => {} };
  for (const svg of document.querySelectorAll("svg.chart.wide, svg.chart.narrow")) {
    const groups = [...svg.querySelectorAll(".row, .hits")];
    const rows = groups.map((row) => [...row.querySelectorAll("[data-from]")]).filter((marks) => marks.length > 0);
    if (rows.length === 0) continue;
    svg.setAttribute("role", "grid");
    for (const node of svg.querySelectorAll(":scope > g:not(.row, .hits), :scope > path, .row > :not([data-from], title)")) node.setAttribute("aria-hidden", "true");
    const start = Math.min(...rows.map((marks) => fromOf(marks[0])));
    groups.forEach((row, index) => {
      row.setAttribute("role", "row");
      row.setAttribute("aria-rowindex", index + 1);
      for (const mark of row.querySelectorAll("[data-from]")) {
        mark.setAttribute("role", "gridcell");
        mark.setAttribute("aria-colindex", (fromOf(mark) - start) / Number(svg.dataset.step) + 1);
        mark.setAttribute("aria-label", (row.matches(".row") ? titleOf(row) + ", " : "") + titleOf(mark));
        mark.setAttribute("tabindex", "-1");
      }
    });
    const enter = (mark) => {
      svg.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
      mark.setAttribute("tabindex", "0");
    };
    enter(rows[0][0]);
    svg.addEventListener("focusin", (event) => enter(event.target));
    let begun = null;
    svg.addEventListener("keydown", (event) => {
      const at = event.target;
      const y = rows.findIndex((marks) => marks.includes(at));
      if (y < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
      const x = rows[y].indexOf(at);
      const near = (marks) => marks?.reduce((a, b) => Math.abs(fromOf(b) - fromOf(at)) < Math.abs(fromOf(a) - fromOf(at)) ? b : a);
      const next = { ArrowLeft: rows[y][x - 1], ArrowRight: rows[y][x + 1], ArrowUp: near(rows[y - 1]), ArrowDown: near(rows[y + 1]), Home: rows[y][0], End: rows[y].at(-1) };
      if (event.key === "Enter" || event.key === " ") act.pick(at);
      else if (event.key === "Escape") act.all();
      else if (event.key in next) {
        begun = event.shiftKey ? begun ?? at : null;
        next[event.key]?.focus();
        if (begun !== null) act.stretch(begun, document.activeElement);
      } else return;
      event.preventDefault();
    });
  }
  // Rows and findings can be limited to an upstream, a category and a stretch of time: by the lists on top, by a click on a name, or
  // by drawing over the bars. Numbers stay those of all the time, and this says so.
  const names = (selector) => [...new Set([...document.querySelectorAll(selector)].map((node) => node.textContent.trim()))].filter((text) => text !== "");
  const upstreamCells = "#upstreams tbody th code, #traffic tbody th code, .multiples figcaption code";
  const categoryCells = "#failures tbody th.name, #others tbody th.name, .legend li";
  const word = (node) => node.textContent.trim().split(/\s/)[0];
  const bars = [...document.querySelectorAll(".hits rect, .cell")];
  const stamp = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ/g;
  const toOf = (bar) => fromOf(bar) + Number(bar.closest("svg").dataset.step);
  const times = (of) => [...new Set(bars.map(of))].sort((a, b) => a - b).map(String);
  const clock = (seconds) => new Date(seconds * 1000).toISOString().replace("T", " ").replace(".000Z", "Z");
  const kept = {
    upstream: names(upstreamCells),
    category: [...new Set([...document.querySelectorAll("#failures tbody th.name, #others tbody th.name")].map(word))],
    from: times(fromOf),
    to: times(toOf),
  };
  if (document.querySelector("#failures") && kept.category.length > 0) {
    const bar = document.createElement("div");
    bar.className = "filter";
    bar.setAttribute("role", "search");
    bar.setAttribute("aria-label", "Show only");
    const lists = {};
    for (const [key, label] of [["upstream", "Upstream"], ["category", "Category"], ["from", "From"], ["to", "Until"]]) {
      const outer = document.createElement("label");
      const list = document.createElement("select");
      outer.append(label + " ", list);
      for (const text of ["", ...kept[key]]) {
        const option = document.createElement("option");
        option.value = text;
        option.textContent = text === "" ? "all" : key === "from" || key === "to" ? clock(text) : text;
        list.append(option);
      }
      list.addEventListener("change", () => show());
      lists[key] = list;
      bar.append(outer);
    }
    const all = document.createElement("button");
    all.type = "button";
    all.textContent = "Show all";
    const told = document.createElement("p");
    told.setAttribute("role", "status");
    bar.append(all, told);
    // Where charts begin: what it limits follows.
    document.querySelector("#when, #failures").before(bar);
    document.querySelector("main").classList.add("pickable");
    const has = (text, name) => {
      const isInside = (c) => c !== undefined && /[\w.-]/.test(c);
      for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
        if (!isInside(text[at - 1]) && !isInside(text[at + name.length])) return true;
      }
      return false;
    };
    const groups = [...document.querySelectorAll("main tbody, ol.findings, ol.incidents, .multiples")].filter((group) => !group.closest("#sources, #checklist"))
      .map((group) => {
        const head = group.querySelector("[scope=rowgroup]")?.textContent ?? "";
        return [...group.children].map((node) => [node, head + " " + [...node.cells ?? [node]].map((part) => part.textContent).join(" ")]);
      });
    // A list that tells nothing of upstreams is not limited to one.
    const tells = (group, known) => group.some(([, text]) => known.some((name) => has(text, name)));
    const limits = groups.map((group) => ({ upstream: tells(group, kept.upstream), category: tells(group, kept.category), time: group.some(([, text]) => text.match(stamp)) }));
    const seconds = (text) => Date.parse(text.replace(" ", "T")) / 1000;
    const show = () => {
      const { upstream, category, from, to } = Object.fromEntries(Object.entries(lists).map(([key, list]) => [key, list.value]));
      const first = from === "" ? -Infinity : Number(from);
      const last = to === "" ? Infinity : Number(to);
      const isThen = (text) => {
        const times = (text.match(stamp) ?? []).map(seconds);
        return times.length === 0 || (Math.min(...times) < last && Math.max(...times) >= first);
      };
      let [nAll, nShown] = [0, 0];
      groups.forEach((group, index) => {
        const limit = limits[index];
        for (const [node, text] of group) {
          const isKept = (upstream === "" || !limit.upstream || has(text, upstream)) && (category === "" || !limit.category || has(text, category)) && (!limit.time || isThen(text));
          node.hidden = !isKept;
          nAll += 1;
          nShown += isKept ? 1 : 0;
        }
      });
      for (const rect of bars) {
        const row = rowOf(rect);
        const isOther = upstream !== "" && row !== null && titleOf(row) !== upstream;
        rect.classList.toggle("out", isOther || toOf(rect) <= first || fromOf(rect) >= last);
      }
      for (const path of document.querySelectorAll(".chart .bars path")) path.classList.toggle("out", category !== "" && !path.classList.contains("k-" + category));
      const isLimited = [upstream, category, from, to].some((text) => text !== "");
      bar.classList.toggle("on", isLimited);
      all.hidden = !isLimited;
      told.textContent = isLimited ? nShown + " of " + nAll + " rows and findings are shown; their numbers are those of all the time." : "";
    };
    // What is picked twice is all again.
    const pick = (values) => {
      const isSame = Object.entries(values).every(([key, value]) => lists[key].value === value);
      for (const [key, value] of Object.entries(values)) lists[key].value = isSame ? "" : value;
      show();
    };
    const stretch = (a, b) => {
      const [first, last] = [a, b].sort((one, other) => fromOf(one) - fromOf(other));
      return { from: String(fromOf(first)), to: String(toOf(last)) };
    };
    const ofMark = (mark) => {
      if (!mark.matches(".cell")) return stretch(mark, mark);
      const name = titleOf(rowOf(mark));
      return { upstream: kept.upstream.includes(name) ? name : "", ...stretch(mark, mark) };
    };
    act.pick = (mark) => pick(ofMark(mark));
    act.stretch = (a, b) => {
      for (const [key, value] of Object.entries(stretch(a, b))) lists[key].value = value;
      show();
    };
    act.all = () => {
      for (const list of Object.values(lists)) list.value = "";
      show();
    };
    all.addEventListener("click", () => {
      act.all();
      lists.upstream.focus();
    });
    document.addEventListener("click", (event) => {
      const upstream = event.target.closest(upstreamCells);
      const category = event.target.closest(categoryCells);
      const cell = event.target.closest(".cell");
      if (cell) act.pick(cell);
      else if (upstream && kept.upstream.includes(upstream.textContent.trim())) pick({ upstream: upstream.textContent.trim() });
      else if (category && kept.category.includes(word(category))) pick({ category: word(category) });
    });
    let begun = null;
    for (const rect of bars.filter((bar) => !bar.matches(".cell"))) {
      rect.addEventListener("pointerdown", (event) => {
        begun = rect;
        event.preventDefault();
      });
      rect.addEventListener("pointerup", () => {
        if (begun !== null) pick(stretch(begun, rect));
      });
    }
    document.addEventListener("pointerup", () => { begun = null; });
    show();
  }
})();
