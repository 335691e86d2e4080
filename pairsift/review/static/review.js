"use strict";
(() => {
  const typing = (element) => element.matches("input, select, textarea");
  const press = (element) => { if (element) { element.click(); return true; } return false; };
  const move = (pair, step) => {
    const pairs = [...document.querySelectorAll("[data-pair]")];
    const next = pairs[pairs.indexOf(pair) + step]?.querySelector("[data-open]");
    next?.focus();
    return Boolean(next);
  };
  const act = (key, pair) => {
    switch (key) {
      case "g": return press(pair.querySelector("[data-good]"));
      case "b": return press(pair.querySelector("[data-bad]"));
      case "j": return move(pair, 1);
      case "k": return move(pair, -1);
      default: return press(document.querySelector(`[data-turn="${key}"]`));
    }
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !/^[gbjknp]$/.test(event.key)) return;
    const pair = event.target.closest("[data-pair]") || document.querySelector("[data-drawn]");
    if (pair ? act(event.key, pair) : event.target.closest("#results") && act(event.key, document.body)) event.preventDefault();
  });
  // What was put in place is told to who does not see it, and the focus goes on where its element is gone.
  document.addEventListener("htmx:afterSettle", (event) => {
    const asked = event.detail.requestConfig?.elt;
    const placed = document.getElementById(event.detail.target?.id);
    const told = placed?.querySelector("#told, #queue > p, .tag");
    if (told) document.getElementById("status").textContent = told.textContent;
    if (asked?.matches("[data-turn]")) document.getElementById("told")?.focus();
    if (asked?.closest("[data-drawn]")) document.querySelector("[data-drawn]")?.focus();
  });

  // Typing has asked already; leaving the field must not ask again, under the link that is being clicked.
  document.getElementById("text")?.addEventListener("change", (event) => event.stopPropagation());

  const slider = document.getElementById("cut-slider");
  if (!slider) return;
  const data = JSON.parse(document.getElementById("cut-data").textContent);
  const knob = document.getElementById("knob");
  const look = document.getElementById("cut-look");
  const values = {
    alpha: (bin) => (data.unrelated[bin] === null ? null : Math.min(0.99, Math.max(0.001, data.unrelated[bin] / Math.max(1, data.pairs[bin])))),
    ge: (bin) => data.low[bin],
    fraction: (bin) => data.pairs[bin] / data.pairs[0],
    percentile: (bin) => 100 * (1 - data.pairs[bin] / data.pairs[0]),
  };
  slider.addEventListener("input", () => {
    const bin = Number(slider.value);
    const value = knob ? values[knob.dataset.knob](bin) : null;
    if (value !== null) knob.value = String(Number(value.toPrecision(3)));
    const asked = new URLSearchParams({ sort: look.dataset.sort, set: look.dataset.set, after: String(data.low[bin]) });
    look.href = `/?${asked}`;
  });
})();
