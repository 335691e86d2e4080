"use strict";
(() => {
  const data = JSON.parse(document.getElementById("cut-data").textContent);
  const slider = document.getElementById("cut-slider");
  const told = document.getElementById("cut-told");
  const line = document.getElementById("cut-line");
  const chart = document.querySelector("#cut svg.chart");
  const bars = chart.querySelectorAll("[data-bin]");
  const [left, width] = [Number(chart.dataset.left), Number(chart.dataset.width)];
  const whole = new Intl.NumberFormat("en");
  const percent = (part, total) => (total ? (100 * part / total).toFixed(1) + " %" : "–");
  const show = () => {
    const bin = Number(slider.value), low = data.low[bin], kept = data.pairs[bin], unrelated = data.unrelated[bin];
    bars.forEach((bar) => { bar.dataset.side = Number(bar.dataset.bin) >= bin ? "kept" : "out"; });
    if (line) {
      const x = left + width * (low - data.low[0]) / (data.high - data.low[0]);
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    }
    const share = unrelated === null ? "" :
      `; of them about ${whole.format(Math.round(Math.min(unrelated, kept)))} (${percent(Math.min(unrelated, kept), kept)}) with an unrelated caption`;
    told.textContent = `A cut at ${low.toPrecision(3)} keeps ${whole.format(kept)} of ${whole.format(data.pairs[0])} survivors (${percent(kept, data.pairs[0])})${share}.`;
    slider.setAttribute("aria-valuetext", told.textContent);
  };
  document.documentElement.classList.add("live");
  slider.addEventListener("input", show);
  told.textContent = "Move the slider to see what another cut would keep.";
})();
