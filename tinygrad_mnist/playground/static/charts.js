// Curves of runs laid over each other.

/** @typedef {{name: string, colour: string, losses: number[], epochs: Reply[], dash?: number[], width?: number}} Run */

const RUN_COLOURS = ["--value", "--gradient", "--warning", "--value-less", "--gradient-less"];
const SMOOTHING = 0.9;
const WHOLE = [1, 10, 100, 1000, 10000, 100000].flatMap((power) => [power, 2 * power, 5 * power]);

/** A running average, which forgets slowly. @param {number[]} losses */
function smoothed(losses) {
  let [sum, weight] = [0, 0];
  return losses.map((loss) => {
    sum = SMOOTHING * sum + (1 - SMOOTHING) * loss;
    weight = SMOOTHING * weight + (1 - SMOOTHING);
    return Number.isFinite(sum) ? sum / weight : null;
  });
}

class Chart {
  /** @type {uPlot | undefined} */
  plot;
  shape = "";

  /**
   * @param {HTMLElement} home
   * @param {string} across what stands along its axis
   * @param {(run: Run) => (number | null)[]} values
   */
  constructor(home, across, values) {
    this.home = home;
    this.across = across;
    this.values = values;
  }

  /** @param {Run[]} runs */
  show(runs) {
    const width = this.home.clientWidth;
    if (!width) return;
    const columns = runs.map(this.values);
    const length = Math.max(...columns.map((column) => column.length));
    if (!length) return this.clear();
    const data = [Array.from({ length }, (_, i) => i + 1), ...columns.map((column) => Array.from({ length }, (_, i) => column[i] ?? null))];
    const style = getComputedStyle(document.documentElement);
    const shape = JSON.stringify([width, style.getPropertyValue("--paper"), runs.map(({ name, colour }) => [name, colour])]);
    if (shape === this.shape) return this.plot?.setData(/** @type {uPlot.AlignedData} */ (data));
    this.clear();
    this.shape = shape;
    this.plot = new uPlot(this.options(runs, width, style), /** @type {uPlot.AlignedData} */ (data), this.home);
  }

  clear() {
    this.plot?.destroy();
    this.shape = "";
  }

  /**
   * @param {Run[]} runs
   * @param {number} width
   * @param {CSSStyleDeclaration} style
   * @returns {uPlot.Options}
   */
  options(runs, width, style) {
    const [ink, line] = [style.getPropertyValue("--dim"), style.getPropertyValue("--line")];
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui" };
    /** @param {unknown} _ @param {number[]} ticks */
    const short = (_, ticks) => ticks.map((tick) => format(tick, Math.abs(tick) < 1e5 ? 4 : 2));
    return {
      width, height: 220, scales: { x: { time: false } }, cursor: { drag: { x: false, y: false } },
      axes: [{ ...axis, label: this.across, incrs: WHOLE, labelSize: 18, labelFont: "12px system-ui", size: 32 }, { ...axis, size: 58, values: short }],
      series: [{}, ...runs.map(({ name, colour, dash, width }) => ({
        label: name, stroke: style.getPropertyValue(colour), width: width ?? 2, dash, points: { show: this.across === "epoch", size: 5 },
      }))],
    };
  }
}

/** Which curve is which. @param {HTMLElement} home @param {Run[]} runs */
function showLegend(home, runs) {
  home.replaceChildren(...runs.map(({ name, colour, epochs }) => {
    const swatch = make("i");
    swatch.style.background = `var(${colour})`;
    const last = epochs.at(-1);
    return make("span", {}, swatch, name, last ? `: ${percent(last.validation_accuracy)} held out` : "");
  }));
}
