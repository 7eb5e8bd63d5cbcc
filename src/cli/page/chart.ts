import uPlot from 'uplot'
import { axisTime, exactTime, milliseconds, percent } from './format.js'
import type { Timeline } from './timeline.js'

const height = 150
const stripHeight = 5
/** Between two times at the axis, in seconds. */
const axisSteps = [30, 60, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600]

/** A colour of the style sheet, as it is now: light or dark. */
const color = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`)

/** What the legend says: what is pointed at, or else the newest. */
function shownAt({ data }: uPlot, series: number, index: number | null) {
  return data[series]![index ?? data[0].length - 1] ?? null
}

const clock = (seconds: number | null) => (seconds === null ? '–' : exactTime(seconds * 1000))

/** Latency as a line, loss as bars from below, and the state as a strip along the top. */
export class Chart {
  readonly #plot: uPlot
  readonly #place: HTMLElement
  readonly #step: number
  #timeline: Timeline

  constructor(place: HTMLElement, timeline: Timeline, step: number) {
    this.#place = place
    this.#step = step
    this.#timeline = timeline
    this.#plot = new uPlot(this.#options(), this.#data(), place)
    new ResizeObserver(() => this.#plot.setSize({ width: place.clientWidth, height })).observe(place)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#plot.redraw())
  }

  show(timeline: Timeline): void {
    this.#timeline = timeline
    this.#plot.setData(this.#data())
  }

  end(): void {
    this.#plot.destroy()
  }

  #data(): uPlot.AlignedData {
    const { times, latencyMs, lossRatio } = this.#timeline
    return [times, latencyMs, lossRatio.map(loss => loss || null)]
  }

  #options(): uPlot.Options {
    const font = '12px system-ui, "DejaVu Sans", sans-serif'
    const axis = { stroke: () => color('quiet'), font, ticks: { show: false } }
    return {
      width: this.#place.clientWidth,
      height,
      padding: [stripHeight + 6, 0, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { time: true },
        latency: { range: (_plot, _low, high) => [0, Math.max(0.1, (high ?? 0) * 1.2)] },
        loss: { range: [0, 1] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 26,
          space: 56,
          incrs: axisSteps,
          values: (_, times) => times.map(axisTime),
        },
        {
          ...axis,
          scale: 'latency',
          size: 60,
          space: 36,
          grid: { stroke: () => color('line'), width: 1 },
          values: (_, values) => values.map(value => `${+value.toPrecision(3)} ms`),
        },
      ],
      series: [
        { label: 'Time', value: (plot, _seconds, _series, index) => clock(shownAt(plot, 0, index)) },
        {
          label: 'Latency',
          scale: 'latency',
          stroke: () => color('latency'),
          fill: () => color('latency-fill'),
          width: 1.75,
          points: { show: false },
          value: (plot, _value, series, index) => milliseconds(shownAt(plot, series, index)),
        },
        {
          label: 'Loss',
          scale: 'loss',
          stroke: () => color('loss'),
          fill: () => color('loss-fill'),
          width: 0,
          paths: uPlot.paths.bars!({ size: [0.8, 24, 2], align: 1 }),
          points: { show: false },
          value: (plot, _value, series, index) => percent(shownAt(plot, series, index) ?? 0),
        },
      ],
      hooks: { draw: [plot => this.#drawStates(plot)] },
    }
  }

  #drawStates({ ctx, bbox, valToPos }: uPlot): void {
    const { times, state } = this.#timeline
    const thick = stripHeight * devicePixelRatio
    ctx.save()
    for (let begin = 0; begin < state.length; ) {
      let end = begin + 1
      while (end < state.length && state[end] === state[begin]) end++
      const now = state[begin]
      if (now) {
        const left = valToPos(times[begin]!, 'x', true)
        const right = Math.min(bbox.left + bbox.width, valToPos(times[end - 1]! + this.#step, 'x', true))
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
