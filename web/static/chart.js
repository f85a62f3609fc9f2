// The chart of the overview. Its numbers are an attribute of an element that the
// page fetches anew every few seconds; whenever it changes, the chart is fed.
"use strict";
(() => {
  const host = document.getElementById("chart");
  const part = document.getElementById("overview-part");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const height = 186;
  let plot = null;

  // The console's zone, not the viewer's; a zone without a name is the viewer's.
  const clock = (() => {
    const parts = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    try {
      return new Intl.DateTimeFormat(document.documentElement.lang, { ...parts, timeZone: host.dataset.zone });
    } catch {
      return new Intl.DateTimeFormat(document.documentElement.lang, parts);
    }
  })();

  const points = () => {
    const holder = document.getElementById("chart-data");
    const all = holder ? JSON.parse(holder.dataset.points) : null;
    if (!all || !all[0] || !all[0].length) return null;
    // Refusals stand in front of what stands for both, so that the bars add up.
    return [all[0], all[1].map((n, i) => n + all[2][i]), all[2]];
  };

  const options = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px " + getComputedStyle(document.body).fontFamily };
    const time = (s) => clock.format(new Date(s * 1000));
    const bars = uPlot.paths.bars({ size: [0.72, 14], radius: 0.15 });
    const series = (label, name, value) => ({ label, value, stroke: colour(name), width: 0, fill: colour(name), paths: bars, points: { show: false } });
    const shown = (plot, i, of) => (i == null ? "" : of(plot.data, i));
    return {
      width: host.clientWidth, height,
      cursor: { drag: { x: false, y: false } },
      scales: { x: { range: (_, first, last) => [first - 40, last + 40] }, y: { range: (_, low, high) => [0, Math.max(5, high * 1.15)] } },
      axes: [{ ...axis, values: (_, all) => all.map(time), space: 70, size: 28 }, { ...axis, size: 52 }],
      series: [
        { value: (_, s) => (s == null ? "" : time(s)) },
        series(host.dataset.passed, "--passed", (u, _, __, i) => shown(u, i, (d, i) => d[1][i] - d[2][i])),
        series(host.dataset.refused, "--refused", (u, _, __, i) => shown(u, i, (d, i) => d[2][i])),
      ],
    };
  };

  const draw = () => {
    const data = points();
    if (!data) return;
    if (plot) plot.destroy();
    plot = new uPlot(options(), data, host);
  };
  const feed = () => {
    const data = points();
    if (plot && data) plot.setData(data);
    else draw();
  };

  draw();
  new MutationObserver(feed).observe(part, { childList: true });
  new ResizeObserver(() => plot && plot.setSize({ width: host.clientWidth, height })).observe(host);
  dark.addEventListener("change", draw);
})();
