// Measures a soak's resources: memory over time, CPU time and descriptors.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ping } from 'netvia'

const sampleMs = 500
/** Memory hasn't settled in shorter runs, so they don't judge it. */
const fewestSamples = 60
const mostGrowthMb = 32

/** Resident memory in MB, see proc_pid_status(5). */
export function megabytes(pid = 'self') {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

export const descriptors = (pid = 'self') => readdirSync(`/proc/${pid}/fd`).length

/** The target of each open descriptor. For a socket, the table in /proc/net that lists it. */
function openFiles(pid) {
  const tables = ['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6', 'icmp', 'icmp6', 'packet', 'netlink', 'unix']
  const entries = tables.map(table => [table, readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n')])
  const tableOf = inode => entries.find(([, lines]) => lines.some(line => line.split(/\s+/).includes(inode)))?.[0]
  return readdirSync(`/proc/${pid}/fd`).flatMap(number => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${number}`)
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
      return [inode ? `${number} socket of ${tableOf(inode)}` : `${number} ${target}`]
    } catch {
      // The descriptor has been closed since readdir.
      return []
    }
  })
}

/** User and system time in seconds. proc_pid_stat(5) counts in hundredths. */
export function cpuSeconds(pid = 'self') {
  const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ').slice(11, 13)
  return (Number(user) + Number(system)) / 100
}

/** Measures this process or another one. */
export class Account {
  #pid
  #begun = performance.now()
  #cpu
  #descriptors
  #files
  #samples = []
  #timer = setInterval(() => this.#samples.push(megabytes(this.#pid)), sampleMs).unref()

  constructor(pid = 'self') {
    this.#pid = pid
    this.#cpu = cpuSeconds(pid)
    this.#descriptors = descriptors(pid)
    this.#files = openFiles(pid)
  }

  /** Starts when the library is warm, so descriptors that it keeps open permanently are already open. */
  static async open() {
    await ping('127.0.0.1')
    return new Account()
  }

  /** Prints the figures first, then fails if anything was wrong. `wrong`: wrong verdicts, with the expected ones. Growth in MB. */
  async settle(what, wrong, allowedGrowth = mostGrowthMb) {
    clearInterval(this.#timer)
    const seconds = (performance.now() - this.#begun) / 1000
    const growth = this.#growth
    const most = Math.max(megabytes(this.#pid), ...this.#samples)
    for (let i = 0; i < 100 && descriptors(this.#pid) > this.#descriptors; i++) await sleep(50)
    const left = descriptors(this.#pid) - this.#descriptors
    const memory = `memory at most ${most.toFixed(0)} MB, growth ${growth === undefined ? 'not judged' : `${growth.toFixed(1)} MB`}`
    console.log(
      `${what}; ${seconds.toFixed(1)} s, CPU ${(cpuSeconds(this.#pid) - this.#cpu).toFixed(1)} s, ${memory}, ${left} descriptors left`,
    )
    assert.deepEqual(wrong, {})
    assert.ok(left <= 0, `${left} descriptors stayed open: ${openFiles(this.#pid)}; at first ${this.#files}`)
    assert.ok(growth === undefined || growth <= allowedGrowth, `memory grew by ${growth} MB`)
  }

  /** The maximum of the last three quarters minus the maximum of the first, in MB. */
  get #growth() {
    if (this.#samples.length < fewestSamples) return undefined
    const quarter = this.#samples.length >> 2
    return Math.max(...this.#samples.slice(quarter)) - Math.max(...this.#samples.slice(0, quarter))
  }
}

/** Counts outcomes, and separately those that differ from the expected ones. */
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
