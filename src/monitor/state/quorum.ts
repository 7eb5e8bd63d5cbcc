/** What a check adds to the question whether a round was good. */
export interface Role {
  /** Without its success no round is good. */
  readonly required: boolean
  /** The group of checks it belongs to; undefined where it belongs to none. */
  readonly group: string | undefined
}

/** Which checks of an uplink must be well together, whatever "well" means: answering, free of loss, fast. */
export class Quorum {
  readonly #roles: readonly Role[]
  readonly #reliability: number
  readonly #groups: ReadonlyMap<string, number>

  /** `reliability`: how many of all checks. `groups`: how many of each group. */
  constructor(roles: readonly Role[], reliability: number, groups: ReadonlyMap<string, number>) {
    this.#roles = roles
    this.#reliability = reliability
    this.#groups = groups
  }

  get size(): number {
    return this.#roles.length
  }

  met(isWell: (check: number) => boolean): boolean {
    let count = 0
    for (let check = 0; check < this.#roles.length; check++) {
      if (isWell(check)) count++
      else if (this.#roles[check]!.required) return false
    }
    if (count < this.#reliability) return false
    for (const [name, needed] of this.#groups) if (this.#countOf(name, isWell) < needed) return false
    return true
  }

  /** The checks that are not well and are missed: the cause where the quorum is not met. */
  missed(isWell: (check: number) => boolean): number[] {
    const ill = this.#roles.map((_, check) => check).filter(check => !isWell(check))
    if (this.#roles.length - ill.length < this.#reliability) return ill
    return ill.filter(check => {
      const { required, group } = this.#roles[check]!
      return required || (group !== undefined && this.#countOf(group, isWell) < this.#groups.get(group)!)
    })
  }

  /** The least value to which the quorum is met: of the worst check among the best. Null where no value is known. */
  decisive(figure: (check: number) => number | null): number | null {
    const values = this.#roles.map((_, check) => figure(check))
    const known = values.filter(value => value !== null).sort((a, b) => a - b)
    const least = known.find(limit => this.met(check => values[check] !== null && values[check]! <= limit))
    return least ?? known.at(-1) ?? null
  }

  #countOf(group: string, isWell: (check: number) => boolean): number {
    return this.#roles.reduce((count, role, check) => count + Number(role.group === group && isWell(check)), 0)
  }
}
