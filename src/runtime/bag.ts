/** The place of a value in a bag. */
export interface Place<T> {
  /** Undefined once it has left. */
  value: T | undefined
  /** Among the places. */
  index: number
}

/**
 * Holds what comes and goes, in no order. Not a set: the tables that V8 leaves of one that grows and shrinks keep alive what they
 * held. V8 then makes such objects, and all that they hold, in its old generation.
 */
export class Bag<T> {
  readonly #places: Place<T>[] = []

  get size(): number {
    return this.#places.length
  }

  add(value: T): Place<T> {
    const place = { value, index: this.#places.length }
    this.#places.push(place)
    return place
  }

  /** False if it has left before. */
  delete(place: Place<T>): boolean {
    if (place.value === undefined) return false
    place.value = undefined
    const last = this.#places.pop()!
    if (last !== place) {
      this.#places[place.index] = last
      last.index = place.index
    }
    return true
  }

  /** Those that are in it now, with their places, whatever happens to it meanwhile. */
  places(): Place<T>[] {
    return [...this.#places]
  }
}
