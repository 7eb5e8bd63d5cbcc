/** The budget for the probes of a metered uplink. */
export interface Allowance {
  /** Bytes of a period. */
  readonly quota: number
  /** In milliseconds. */
  readonly period: number
  /** Bytes of a round: its requests and their answers. */
  readonly roundBytes: number
}

/** The state to keep over a restart. Time without a monitor doesn't count. */
export interface SavedBudget {
  spent: number
  reserve: number
  /** Milliseconds since the period began. */
  age: number
}

/**
 * Share of the quota that can be spent at any moment. The rest arrives steadily, so no period costs more than the quota.
 */
const reserveShare = 1 / 20
/** Share of the quota that is spent while the line is idle and works. */
const idleShare = 4 / 5

/** The bytes that a reserve must have room for, as a share of the quota. */
export function reserveOf(quota: number): number {
  return quota * reserveShare
}

/** Milliseconds between the rounds of a line that is idle and works. */
export function idleInterval({ quota, period, roundBytes }: Allowance): number {
  return (roundBytes * period) / (quota * idleShare)
}

/** Keeps the probes of a metered uplink within their quota. Pure: callers pass the time. */
export class ProbeBudget {
  readonly #allowance: Allowance
  readonly #perMs: number
  #reserve: number
  #filledAt: number
  #spent = 0
  #began: number

  constructor(allowance: Allowance, now: number) {
    const { quota, period } = allowance
    this.#allowance = allowance
    this.#perMs = (quota * (1 - reserveShare)) / period
    this.#reserve = reserveOf(quota)
    this.#filledAt = now
    this.#began = now
  }

  /** Milliseconds until the reserve can pay for that many rounds. */
  wait(now: number, rounds = 1): number {
    this.#fill(now)
    return Math.max(0, (rounds * this.#allowance.roundBytes - this.#reserve) / this.#perMs)
  }

  /**
   * Milliseconds between rounds of a line that doesn't work, or is often suspected: 0 with a full reserve, and the idle interval
   * with an empty one. So a long outage, or a connection that hangs forever, doesn't use up what the next suspicion needs.
   */
  pace(now: number): number {
    this.#fill(now)
    return idleInterval(this.#allowance) * (1 - Math.max(0, this.#reserve / reserveOf(this.#allowance.quota)))
  }

  spend(bytes: number, now: number): void {
    this.#fill(now)
    this.#reserve -= bytes
    this.#spent += bytes
  }

  /** Bytes spent since the period began. */
  spent(now: number): number {
    this.#fill(now)
    return this.#spent
  }

  save(now: number): SavedBudget {
    this.#fill(now)
    return { spent: this.#spent, reserve: this.#reserve, age: now - this.#began }
  }

  restore(saved: SavedBudget, now: number): void {
    this.#spent = saved.spent
    this.#reserve = Math.min(saved.reserve, reserveOf(this.#allowance.quota))
    this.#filledAt = now
    this.#began = now - saved.age
  }

  #fill(now: number): void {
    const { quota, period } = this.#allowance
    this.#reserve = Math.min(reserveOf(quota), this.#reserve + (now - this.#filledAt) * this.#perMs)
    this.#filledAt = now
    const periods = Math.floor((now - this.#began) / period)
    if (periods < 1) return
    this.#began += periods * period
    this.#spent = 0
  }
}

export function isSavedBudget(value: unknown): value is SavedBudget {
  const saved = value as SavedBudget | null
  return [saved?.spent, saved?.reserve, saved?.age].every(Number.isFinite)
}
