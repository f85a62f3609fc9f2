// The chart of the overview. Its numbers are an attribute of an element that the
// page fetches anew every few seconds; whenever it changes, the chart is fed.
"use strict";
(() => {
  const host = document.getElementById("chart");
  const part = document.getElementById("overview-part");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const height = 190;
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
    return all && all[0] && all[0].length ? all : null;
  };

  const options = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const time = (s) => clock.format(new Date(s * 1000));
    const series = (label, name) => ({ label, stroke: colour(name), width: 2, fill: colour(name) + "22", points: { show: false } });
    return {
      width: host.clientWidth, height,
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, low, high) => [0, Math.max(5, high * 1.15)] } },
      axes: [{ ...axis, values: (_, all) => all.map(time), space: 70 }, { ...axis, size: 52 }],
      series: [
        { label: host.dataset.time, value: (_, s) => (s == null ? "–" : time(s)) },
        series(host.dataset.passed, "--passed"),
        series(host.dataset.refused, "--refused"),
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
