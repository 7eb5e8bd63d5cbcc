// What a soak uses: memory over time, CPU, descriptors.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ping } from 'netvia'

const sampleMs = 500
/** In a shorter run memory has not settled, and is not judged. */
const fewestSamples = 60
const mostGrowthMb = 32

export const megabytes = () => process.memoryUsage.rss() / 2 ** 20
export const descriptors = () => readdirSync('/proc/self/fd').length

export function cpuSeconds() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

export class Account {
  #begun = performance.now()
  #cpu = cpuSeconds()
  #descriptors = descriptors()
  #samples = []
  #timer = setInterval(() => this.#samples.push(megabytes()), sampleMs).unref()

  /** When the library is warm: what it keeps open for good is open then. */
  static async open() {
    await ping('127.0.0.1')
    return new Account()
  }

  /** Prints the figures, and fails for what was wrong only then. `wrong`: verdicts, by what they were and should have been. */
  async settle(what, wrong) {
    clearInterval(this.#timer)
    const seconds = (performance.now() - this.#begun) / 1000
    const growth = this.#growth
    const most = Math.max(megabytes(), ...this.#samples)
    for (let i = 0; i < 100 && descriptors() > this.#descriptors; i++) await sleep(50)
    const left = descriptors() - this.#descriptors
    const memory = `memory at most ${most.toFixed(0)} MB, growth ${growth === undefined ? 'not judged' : `${growth.toFixed(1)} MB`}`
    console.log(
      `${what}; ${seconds.toFixed(1)} s, CPU ${(cpuSeconds() - this.#cpu).toFixed(1)} s, ${memory}, ${left} descriptors left`,
    )
    assert.deepEqual(wrong, {})
    assert.ok(left <= 0, `${left} descriptors stayed open`)
    assert.ok(growth === undefined || growth <= mostGrowthMb, `memory grew by ${growth} MB`)
  }

  /** The most of the last three quarters over the most of the first. */
  get #growth() {
    if (this.#samples.length < fewestSamples) return undefined
    const quarter = this.#samples.length >> 2
    return Math.max(...this.#samples.slice(quarter)) - Math.max(...this.#samples.slice(0, quarter))
  }
}

/** Counts outcomes, and those that are not what they should be. */
export class Tally {
  counts = {}
  wrong = {}

  add(outcome, expected) {
    this.counts[outcome] = (this.counts[outcome] ?? 0) + 1
    if (outcome === expected) return
    const what = `${outcome} instead of ${expected}`
    this.wrong[what] = (this.wrong[what] ?? 0) + 1
  }

  get total() {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0)
  }

  toString() {
    const inWords = ([outcome, count]) => `${count.toLocaleString('en')} ${outcome}`
    const wrong = Object.entries(this.wrong).map(inWords)
    return `${Object.entries(this.counts).map(inWords).join(', ')}; ${wrong.length ? `WRONG: ${wrong.join(', ')}` : 'none wrong'}`
  }
}
