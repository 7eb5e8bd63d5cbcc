import uPlot from 'uplot'
import type { CheckHistory, UplinkHistory } from '../monitor/web/history-report.js'
import { axisDay, axisTime } from './format.js'

const height = 140
const stripHeight = 5
const day = 86_400
/** Seconds between two labels of the axis. */
const axisSteps = [
  30,
  60,
  120,
  300,
  600,
  900,
  1800,
  3600,
  7200,
  14_400,
  21_600,
  day,
  2 * day,
  7 * day,
  14 * day,
  28 * day,
]
/** In seconds. If steps hold a single answer, the band covers this much time. */
const shortestBand = 10

/** A colour of the style sheet in the current light or dark scheme. */
const color = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`)

/**
 * One check as smokeping shows it: the median as a line, from the shortest answer to the 95th percentile as a band behind it, loss
 * as bars from below, and the uplink's state as a strip along the top.
 */
export class Chart {
  readonly #place: HTMLElement
  readonly #pointed: (step: number | null) => void
  readonly #plot: uPlot
  readonly #resized: ResizeObserver
  readonly #darkness = matchMedia('(prefers-color-scheme: dark)')
  #history: UplinkHistory
  #band: { low: (number | null)[]; high: (number | null)[] }

  /** `pointed` is called with the step under the pointer. */
  constructor(place: HTMLElement, history: UplinkHistory, check: CheckHistory, pointed: (step: number | null) => void) {
    this.#place = place
    this.#pointed = pointed
    this.#history = history
    this.#band = bandOf(check, history.step)
    this.#plot = new uPlot(this.#options(), this.#data(check), place)
    this.#resized = new ResizeObserver(() => this.#plot.setSize({ width: place.clientWidth, height }))
    this.#resized.observe(place)
    this.#darkness.addEventListener('change', this.#redraw)
  }

  show(history: UplinkHistory, check: CheckHistory): void {
    this.#history = history
    this.#band = bandOf(check, history.step)
    this.#plot.setData(this.#data(check))
  }

  end(): void {
    this.#resized.disconnect()
    this.#darkness.removeEventListener('change', this.#redraw)
    this.#plot.destroy()
  }

  #redraw = () => this.#plot.redraw()

  /** Times at the middle of each step. */
  #data({ medianMs, lossRatio }: CheckHistory): uPlot.AlignedData {
    const { state, from, step } = this.#history
    const times = state.map((_, index) => from + (index + 0.5) * step)
    return [times, medianMs, this.#band.high, lossRatio.map(loss => loss || null)]
  }

  #options(): uPlot.Options {
    const font = '12px system-ui, "DejaVu Sans", sans-serif'
    const axis = { stroke: () => color('quiet'), font, ticks: { show: false } }
    return {
      width: this.#place.clientWidth,
      height,
      // Leaves room for half a label on the right.
      padding: [stripHeight + 8, 24, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { range: () => [this.#history.from, this.#history.from + this.#history.state.length * this.#history.step] },
        latency: { range: (_plot, _low, high) => [0, Math.max(0.1, (high ?? 0) * 1.15)] },
        loss: { range: [0, 1] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 26,
          space: 56,
          incrs: axisSteps,
          values: (_, times, _axis, _space, increment) => times.map(increment < day ? axisTime : axisDay),
        },
        {
          ...axis,
          scale: 'latency',
          // As wide as its labels.
          size: (plot, values) =>
            Math.max(44, ...(values ?? []).map(text => plot.ctx.measureText(text).width / devicePixelRatio + 14)),
          space: 32,
          grid: { stroke: () => color('line'), width: 1 },
          values: (_, values) => values.map(value => `${+value.toPrecision(3)} ms`),
        },
      ],
      series: [
        {},
        {
          scale: 'latency',
          stroke: () => color('latency'),
          width: 1.75,
          points: { size: 5, fill: () => color('latency'), filter: (plot, series) => lonely(plot.data[series]!) },
        },
        // Only for the scale. The band is drawn below.
        { scale: 'latency', paths: () => null, points: { show: false } },
        {
          scale: 'loss',
          fill: () => color('loss-fill'),
          width: 0,
          paths: uPlot.paths.bars!({ size: [1, 24, 2] }),
          points: { show: false },
        },
      ],
      hooks: {
        drawAxes: [plot => this.#drawBand(plot)],
        draw: [plot => this.#drawStates(plot)],
        setCursor: [({ cursor }) => this.#pointed(cursor.left! < 0 ? null : (cursor.idx ?? null))],
      },
    }
  }

  #drawBand({ ctx, valToPos }: uPlot): void {
    const { from, step } = this.#history
    ctx.fillStyle = color('latency-fill')
    for (const [index, high] of this.#band.high.entries()) {
      if (high === null) continue
      const left = Math.round(valToPos(from + index * step, 'x', true))
      const right = Math.round(valToPos(from + (index + 1) * step, 'x', true))
      const top = valToPos(high, 'latency', true)
      ctx.fillRect(left, top, Math.max(1, right - left), valToPos(this.#band.low[index]!, 'latency', true) - top)
    }
  }

  #drawStates({ ctx, bbox, valToPos }: uPlot): void {
    const { state, from, step } = this.#history
    const thick = stripHeight * devicePixelRatio
    ctx.save()
    for (let begin = 0; begin < state.length; ) {
      let end = begin + 1
      while (end < state.length && state[end] === state[begin]) end++
      const now = state[begin]
      if (now) {
        const left = Math.floor(valToPos(from + begin * step, 'x', true))
        const right = Math.ceil(valToPos(from + end * step, 'x', true))
        ctx.fillStyle = color(now)
        ctx.fillRect(left, bbox.top - 1.5 * thick, right - left, thick)
        if (now === 'down' || now === 'degraded') {
          ctx.globalAlpha = 0.12
          ctx.fillRect(left, bbox.top, right - left, bbox.height)
          ctx.globalAlpha = 1
        }
      }
      begin = end
    }
    ctx.restore()
  }
}

/** Values without a neighbour, because a line would not show them. */
function lonely(values: ArrayLike<number | null | undefined>): number[] {
  return Array.from(values, (value, index) => {
    return value != null && values[index - 1] == null && values[index + 1] == null ? index : -1
  }).filter(index => index >= 0)
}

/** From the shortest answer to the 95th percentile of each step, or of the seconds around it. */
export function bandOf({ minMs, p95Ms }: Pick<CheckHistory, 'minMs' | 'p95Ms'>, step: number) {
  const reach = step < shortestBand ? Math.floor(shortestBand / step / 2) : 0
  const around = (values: (number | null)[], best: (...values: number[]) => number) =>
    values.map((value, index) => {
      if (value === null) return null
      return best(...values.slice(Math.max(0, index - reach), index + reach + 1).filter(near => near !== null))
    })
  return { low: around(minMs, Math.min), high: around(p95Ms, Math.max) }
}
