/** How a check counts towards a good round. */
export interface Role {
  /** No round is good without this check's success. */
  readonly required: boolean
  /** The group the check belongs to, if any. */
  readonly group: string | undefined
}

/** Which checks of an uplink must be good together, whatever good means: answering, free of loss, or fast. */
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

  /** The failed checks that are needed: the cause when the quorum is not met. */
  missed(isWell: (check: number) => boolean): number[] {
    const ill = this.#roles.map((_, check) => check).filter(check => !isWell(check))
    if (this.#roles.length - ill.length < this.#reliability) return ill
    return ill.filter(check => {
      const { required, group } = this.#roles[check]!
      return required || (group !== undefined && this.#countOf(group, isWell) < this.#groups.get(group)!)
    })
  }

  /** The lowest limit that meets the quorum: the worst value among the best checks needed. Null if no value is known. */
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
