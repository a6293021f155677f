"use strict";
(() => {
  const report = JSON.parse(document.getElementById("data").textContent);
  const state = { condition: 0, focus: new Set(report.focus) };
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // "var(--name)" and "var(--name) 0.2" become the theme's colour, the second with that opacity
  function colors(value, style) {
    if (Array.isArray(value)) return value.map((item) => colors(item, style));
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, colors(item, style)]));
    const found = typeof value === "string" && /^var\((--[a-z0-9-]+)\)(?: ([0-9.]+))?$/.exec(value);
    if (!found) return value;
    const color = style.getPropertyValue(found[1]).trim();
    return found[2] ? color + Math.round(255 * found[2]).toString(16).padStart(2, "0") : color;
  }

  function put(target, path, value) {
    const keys = path.split("."), last = keys.pop();
    keys.reduce((part, key) => (part[key] ??= {}), target)[last] = value;
  }

  function inFocus(trace) {
    const meta = trace.meta;
    if (!meta || state.focus.has(meta.loss)) return trace;
    if (meta.only) return { ...trace, visible: false };
    return { ...trace, line: { ...trace.line, color: "var(--context)", width: 1, dash: "solid" }, hoverinfo: "skip", hovertemplate: null };
  }

  function draw(element) {
    const figure = report.figures[element.dataset.figure][state.condition];
    element.hidden = !figure;
    element.nextElementSibling.hidden = Boolean(figure);
    if (!figure) return;
    const narrow = element.clientWidth < 600, style = getComputedStyle(document.documentElement);
    const layout = structuredClone(figure.layout);
    if (narrow) Object.entries(figure.narrow).forEach(([path, value]) => put(layout, path, value));
    Object.assign(layout, {
      height: figure.height[narrow ? "narrow" : "wide"], width: element.clientWidth, dragmode: narrow ? false : "zoom",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: style.getPropertyValue("--sans"), size: 13, color: "var(--ink)" },
      hoverlabel: { bgcolor: "var(--paper)", bordercolor: "var(--muted)", align: "left", font: { color: "var(--ink)", size: 13 } },
    });
    Object.keys(layout).filter((key) => /^[xy]axis/.test(key)).forEach((key) => {
      layout[key] = { gridcolor: "var(--rule)", linecolor: "var(--rule)", tickcolor: "var(--muted)", ticks: "", ...layout[key] };
      if (layout[key].title) layout[key].title.font = { size: 13, color: "var(--muted)" };
      if (narrow) layout[key].fixedrange = true;
    });
    const focused = figure.data.map(inFocus);
    const behind = (trace) => (trace.meta && !state.focus.has(trace.meta.loss) ? 0 : 1);
    focused.sort((a, b) => behind(a) - behind(b));
    Plotly.react(element, colors(focused, style), colors(layout, style), { displayModeBar: false, displaylogo: false, typesetMath: false });
  }

  const plots = all(".plot");
  const drawAll = () => plots.forEach(draw);

  all("[data-condition]").forEach((button) => button.addEventListener("click", () => {
    state.condition = Number(button.dataset.condition);
    all("[data-condition]").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    all("[data-panel]").forEach((panel) => { panel.hidden = Number(panel.dataset.panel) !== state.condition; });
    drawAll();
  }));

  function refocus() {
    all("[data-loss]").forEach((chip) => chip.setAttribute("aria-pressed", String(state.focus.has(Number(chip.dataset.loss)))));
    drawAll();
  }
  all("[data-loss]").forEach((chip) => chip.addEventListener("click", () => {
    const loss = Number(chip.dataset.loss);
    if (state.focus.delete(loss)) open(chip.parentElement, true); // a loss that is put away stays in sight
    else state.focus.add(loss);
    refocus();
  }));
  function open(chips, whether) {
    chips.classList.toggle("open", whether);
    const more = chips.querySelector("[data-more]");
    if (more) more.setAttribute("aria-expanded", String(whether));
  }
  all("[data-more]").forEach((more) => more.addEventListener("click", () => {
    open(more.parentElement, more.getAttribute("aria-expanded") === "false");
  }));
  all("[data-all]").forEach((chip) => chip.addEventListener("click", () => {
    const every = all("[data-loss]", chip.parentElement).map((other) => Number(other.dataset.loss));
    state.focus = new Set(chip.dataset.all === "true" ? every : []);
    refocus();
  }));

  all(".full thead button").forEach((button) => button.addEventListener("click", () => {
    const heading = button.parentElement, body = heading.closest("table").tBodies[0], column = heading.cellIndex;
    const first = button.dataset.first === "down" ? "descending" : "ascending";
    const now = heading.getAttribute("aria-sort");
    const order = now === "none" ? first : now === "ascending" ? "descending" : "ascending";
    all("th", heading.parentElement).forEach((other) => other.setAttribute("aria-sort", other === heading ? order : "none"));
    const sign = order === "ascending" ? 1 : -1, text = heading.classList.contains("name");
    const key = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => (a === "") - (b === "") || sign * (text ? a.localeCompare(b) : a - b);
    body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
  }));

  all("[data-copy]").forEach((button) => button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }));

  let waiting, width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // a phone's address bar changes the height alone
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 120);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; drawAll(); });
  addEventListener("afterprint", () => { delete document.documentElement.dataset.theme; drawAll(); });
  drawAll();
})();
