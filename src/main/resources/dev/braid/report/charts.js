// Draws the charts of a run report: an SVG in each element with data-chart, from the JSON in the page.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const count = d3.format(",");
  const short = (n) => (n < 1000 ? d3.format("~r")(+n.toPrecision(3)) : d3.format(".3~s")(n).replace("G", "B"));
  const percent = (share) => d3.format(".1f")(100 * share) + "\u202f%";
  const colors = ["blue", "orange", "green", "pink", "gold", "sky"];

  function gibibytes(bytes) {
    return bytes >= 2 ** 30 ? d3.format(",.1f")(bytes / 2 ** 30) + " GiB" : count(Math.ceil(bytes / 2 ** 20)) + " MiB";
  }

  function seconds(s) {
    return s >= 100 ? d3.format(",.0f")(s) + " s" : s >= 10 ? d3.format(".1f")(s) + " s" : d3.format(".2f")(s) + " s";
  }

  function clock(longest) {
    if (longest < 180) return (s) => d3.format("~r")(s) + " s";
    if (longest < 3 * 3600) return (s) => d3.format(".3~r")(s / 60) + " min";
    return (s) => d3.format(".3~r")(s / 3600) + " h";
  }

  function timeTicks(longest, width) {
    const unit = longest < 180 ? 1 : longest < 3 * 3600 ? 60 : 3600;
    return d3.ticks(0, longest / unit, Math.max(3, width / 110)).map((t) => t * unit);
  }

  function canvas(node, width, height) {
    return d3.select(node).append("svg").attr("width", width).attr("height", height)
      .attr("viewBox", `0 0 ${width} ${height}`).attr("aria-hidden", "true");
  }

  const widthOf = (names, least = 60) => Math.min(190, Math.max(least, 12 + 7.4 * d3.max(names, (name) => name.length)));
  const fit = (name, width) => (name.length * 7.4 > width ? name.slice(0, Math.max(3, Math.floor(width / 7.4) - 1)) + "\u2026" : name);

  function label(svg, x, y, text, kind, anchor = "start") {
    return svg.append("text").attr("class", kind).attr("x", x).attr("y", y).attr("dy", "0.35em").attr("text-anchor", anchor).text(text);
  }

  function hint(mark, text) {
    mark.append("title").text(text);
    return mark;
  }

  function throughput(node, width, series) {
    const height = 260, top = 26, bottom = 28, left = 56, right = 12;
    const svg = canvas(node, width, height);
    const x = d3.scaleLinear([0, series.seconds], [left, width - right]);
    const y = d3.scaleLinear([0, d3.max(series.bins, (bin) => bin.tokens) || 1], [height - bottom, top]).nice();
    const phases = [[0, series.begun, "preparing"], [series.begun, series.ended, "fusing"], [series.ended, series.seconds, series.last]];
    for (const [from, to, name] of phases) {
      const wide = x(to) - x(from);
      if (name !== "fusing") {
        hint(svg.append("rect").attr("class", "phase").attr("x", x(from)).attr("y", top).attr("width", Math.max(0, wide))
          .attr("height", height - top - bottom), `${name}: ${seconds(to - from)}`);
      }
      if (wide > 7 * name.length + 8) label(svg, x(from) + wide / 2, top / 2, name, "", "middle");
    }
    svg.append("g").attr("transform", `translate(${left},0)`)
      .call(d3.axisLeft(y).ticks(5).tickFormat(short).tickSize(-(width - left - right)).tickPadding(8));
    svg.append("g").attr("transform", `translate(0,${height - bottom})`)
      .call(d3.axisBottom(x).tickValues(timeTicks(series.seconds, width)).tickFormat(clock(series.seconds)).tickSize(0).tickPadding(9));
    const steps = [...series.bins.map((bin) => [bin.from, bin.tokens]), [series.seconds, series.bins.at(-1).tokens]];
    const form = d3.area().curve(d3.curveStepAfter).x((d) => x(d[0])).y0(y(0)).y1((d) => y(d[1]));
    svg.append("path").attr("class", "area").attr("d", form(steps));
    svg.append("path").attr("class", "line").attr("d", form.lineY1()(steps));
    for (const bin of series.bins) {
      hint(svg.append("rect").attr("fill", "transparent").attr("x", x(bin.from)).attr("y", top)
        .attr("width", x(bin.to) - x(bin.from)).attr("height", height - top - bottom),
        `${seconds(bin.from)} to ${seconds(bin.to)}: ${count(Math.round(bin.tokens))} tokens/s, ${count(Math.round(bin.rows))} rows/s, ${bin.tasks.toFixed(1)} tasks`);
    }
    label(svg, 0, top / 2, "tokens/s", "");
  }

  function lengths(node, width, groups) {
    const strip = 74, gap = 22, bottom = 34, left = widthOf(groups.map((g) => g.name)), right = 190;
    const height = groups.length * (strip + gap) + bottom;
    const svg = canvas(node, width, height);
    const bars = groups[0].bars;
    const step = Math.min(36, (width - left - right) / bars.length);
    const x = (i) => left + i * step;
    groups.forEach((group, g) => {
      const base = g * (strip + gap) + strip + 10;
      const y = d3.scaleLinear([0, d3.max(group.bars, (bar) => bar.rows) || 1], [0, strip]);
      label(svg, 0, base - 27, fit(group.name, left - 8), "name");
      svg.append("line").attr("class", "base").attr("x1", left).attr("x2", x(bars.length)).attr("y1", base).attr("y2", base);
      group.bars.forEach((bar, i) => {
        if (bar.rows > 0) {
          const tall = Math.max(1, y(bar.rows));
          hint(svg.append("rect").attr("class", g === 0 ? "grey" : colors[(g - 1) % colors.length]).attr("x", x(i) + step * 0.06)
            .attr("y", base - tall).attr("width", Math.max(1, step * 0.88)).attr("height", tall),
            `${bar.from === bar.to ? bar.from : count(bar.from) + " to " + count(bar.to)} tokens: ${count(bar.rows)} rows`);
        }
      });
      const facts = [["median", group.median], ["95 % at most", group.most], ["longest", group.longest]];
      facts.forEach(([name, value], i) => {
        label(svg, width - 62, base - 44 + 17 * i, name, "", "end");
        label(svg, width, base - 44 + 17 * i, count(value), "value", "end");
      });
    });
    const every = Math.ceil(46 / step);
    bars.forEach((bar, i) => {
      if (i % every === 0) label(svg, x(i) + step / 2, height - bottom + 2, count(bar.from), "", "middle");
    });
    const wide = (bar) => bar.to - bar.from + 1;
    const note = wide(bars.at(-1)) > wide(bars[0]) ? ", in steps that widen to the right" : wide(bars[0]) > 1 ? `, ${wide(bars[0])} lengths a bar` : "";
    label(svg, left, height - 6, "tokens per row" + note, "");
  }

  /** Horizontal bars with columns of numbers: [{name, length, color, cells}]. */
  function bars(node, width, rows, header) {
    const tall = 28, top = 24, left = widthOf(rows.map((row) => row.name));
    const wide = header.map((name, c) => 20 + 7 * Math.max(name.length, d3.max(rows, (row) => row.cells[c].length)));
    const svg = canvas(node, width, top + rows.length * tall);
    const x = d3.scaleLinear([0, d3.max(rows, (row) => row.length) || 1], [0, Math.max(40, width - left - d3.sum(wide))]);
    const ends = header.map((_, c) => width - d3.sum(wide.slice(c + 1)));
    header.forEach((name, c) => label(svg, ends[c], 8, name, "", "end"));
    rows.forEach((row, i) => {
      const middle = top + i * tall + tall / 2;
      label(svg, 0, middle, fit(row.name, left - 8), "name");
      hint(svg.append("rect").attr("class", row.color).attr("x", left).attr("y", middle - 9).attr("rx", 2)
        .attr("width", Math.max(row.length > 0 ? 1 : 0, x(row.length))).attr("height", 18),
        row.name + ": " + row.cells.map((cell, c) => (cell ? cell + " " + header[c] : "")).filter(Boolean).join(", "));
      row.cells.forEach((cell, c) => label(svg, ends[c], middle, cell, "value", "end"));
    });
  }

  function badRows(node, width, reasons) {
    const all = d3.sum(reasons, (reason) => reason.rows);
    bars(node, width, reasons.map((reason) => ({
      name: reason.name, length: reason.rows, color: "orange", cells: [count(reason.rows), percent(reason.rows / all)],
    })), ["rows", "share"]);
  }

  function stages(node, width, costs) {
    const number = (n) => d3.format(n >= 100 ? ",.0f" : n >= 10 ? ",.1f" : ",.2f")(n);
    bars(node, width, costs.map((cost) => ({
      name: cost.name, length: cost.seconds, color: cost.gflops ? "blue" : "grey",
      cells: [number(cost.seconds), percent(cost.share), cost.gflops ? number(cost.gflops) : ""],
    })), ["seconds", "share", "GFLOP/s"]);
  }

  function modalities(node, width, groups) {
    const attention = groups.some((group) => group.rows);
    const tall = attention ? 76 : 36, left = widthOf(groups.map((group) => group.name)), strips = attention && width > 620 ? 250 : 0;
    const top = attention ? 24 : 4, right = 74 + (strips ? strips + 24 : 0);
    const svg = canvas(node, width, top + groups.length * tall + (strips ? 20 : 8));
    const most = d3.max(groups, (group) => Math.max(group.tokens, group.attention || 0));
    const x = d3.scaleLinear([0, most || 1], [0, Math.max(40, width - left - right)]);
    if (strips) {
      label(svg, width - strips, 9, "rows, by the share of attention", "");
      const foot = top + groups.length * tall + 6;
      [["0 %", 0, "start"], ["50 %", 0.5, "middle"], ["100 %", 1, "end"]].forEach(([text, at, anchor]) =>
        label(svg, width - strips + at * strips, foot, text, "", anchor));
    }
    groups.forEach((group, i) => {
      const color = group.name === "cls" ? "grey" : colors[(i - (groups[0].name === "cls" ? 1 : 0)) % colors.length];
      const middle = top + i * tall + tall / 2;
      label(svg, 0, middle, fit(group.name, left - 8), "name");
      const shares = attention ? [["tokens", group.tokens, -11, 0.4], ["attention", group.attention, 11, 1]] : [["tokens", group.tokens, 0, 1]];
      for (const [name, share, shift, opacity] of shares) {
        hint(svg.append("rect").attr("class", color).attr("fill-opacity", opacity).attr("x", left).attr("y", middle + shift - 9).attr("rx", 2)
          .attr("width", Math.max(1, x(share))).attr("height", 18), `${group.name}: ${percent(share)} of ${name}`);
        label(svg, left + x(share) + 8, middle + shift, percent(share), "value");
      }
      if (attention && i === 0) {
        label(svg, left, 9, "upper bar: share of tokens; lower bar: share of attention", "");
      }
      if (strips && group.rows) {
        const step = strips / group.rows.length;
        const y = d3.scaleLinear([0, d3.max(group.rows) || 1], [0, tall - 22]);
        const base = middle + tall / 2 - 8;
        svg.append("line").attr("class", "base").attr("x1", width - strips).attr("x2", width).attr("y1", base).attr("y2", base);
        group.rows.forEach((rows, b) => {
          if (rows > 0) {
            hint(svg.append("rect").attr("class", color).attr("x", width - strips + b * step + 0.5).attr("width", step - 1)
              .attr("y", base - Math.max(1, y(rows))).attr("height", Math.max(1, y(rows))),
              `${(100 * b) / group.rows.length} to ${(100 * (b + 1)) / group.rows.length} % of attention: ${count(rows)} rows`);
          }
        });
      }
    });
  }

  function memory(node, width, kinds) {
    const tall = 64, left = 118, right = 90, height = kinds.length * tall + 30;
    const svg = canvas(node, width, height);
    const most = d3.max(kinds, (kind) => Math.max(kind.needed, kind.peak || 0, kind.given || 0));
    const x = d3.scaleLinear([0, most || 1], [0, width - left - right]);
    kinds.forEach((kind, i) => {
      const middle = i * tall + tall / 2;
      label(svg, 0, middle, kind.name, "name");
      const rows = [["needed", kind.needed, "sky", -11], ["peak", kind.peak, "blue", 11]];
      for (const [name, bytes, color, shift] of rows) {
        if (bytes) {
          hint(svg.append("rect").attr("class", color).attr("x", left).attr("y", middle + shift - 9).attr("rx", 2)
            .attr("width", Math.max(1, x(bytes))).attr("height", 18), `${kind.name}, ${name}: ${gibibytes(bytes)}`);
          label(svg, left + x(bytes) + 8, middle + shift, gibibytes(bytes), "value");
        }
      }
      if (kind.given) {
        hint(svg.append("line").attr("class", "limit").attr("x1", left + x(kind.given)).attr("x2", left + x(kind.given))
          .attr("y1", middle - 24).attr("y2", middle + 24), `${kind.name}, given: ${gibibytes(kind.given)}`);
        const used = x(Math.max(kind.needed, kind.peak || 0));
        const text = gibibytes(kind.given);
        if (x(kind.given) > used + 150) label(svg, left + x(kind.given) - 8, middle, text, "value", "end");
        else if (x(kind.given) > used + 76 || x(kind.given) >= used) label(svg, left + x(kind.given) + 8, middle - 22, text, "value");
      }
    });
    const legend = [["sky", "needed (estimate)"], ["blue", "peak"], ["limit", "given"]];
    let at = left;
    for (const [color, name] of legend) {
      if (color === "limit") svg.append("line").attr("class", "limit").attr("x1", at + 6).attr("x2", at + 6).attr("y1", height - 20).attr("y2", height - 6);
      else svg.append("rect").attr("class", color).attr("x", at).attr("y", height - 19).attr("width", 12).attr("height", 12).attr("rx", 2);
      label(svg, at + 18, height - 13, name, "");
      at += 36 + 7 * name.length;
    }
  }

  const draw = {throughput, lengths, "bad-rows": badRows, modalities, stages, memory};

  function all() {
    for (const node of document.querySelectorAll("[data-chart]")) {
      node.replaceChildren();
      draw[node.dataset.chart](node, Math.max(320, node.clientWidth), data[node.dataset.chart]);
    }
  }

  all();
  addEventListener("resize", all);
  // What is folded on the screen is on paper too.
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
})();
