import type { UplinkState } from '../../monitor/state/state-machine.js'
import type { PageSnapshot, PageUplink } from '../monitor/web/page-report.js'
import type { Range } from '../monitor/web/ranges.js'
import { Card } from './card.js'
import { element, part, say } from './html.js'

export const worstFirst: readonly UplinkState[] = ['down', 'degraded', 'unknown', 'up']
/** Up to this many are all open, in the order of the file. Of more, each is a line: troubled ones first, the others folded. */
const few = 8

/** A group of uplinks that work, or those that don't. */
class Group {
  readonly root: HTMLElement
  readonly #title: HTMLElement | undefined
  readonly cards = element('div', { class: 'cards' })

  /** With a `title`, the group starts folded. */
  constructor(isFolded: boolean) {
    this.#title = isFolded ? element('summary') : undefined
    this.root = this.#title ? element('details', { class: 'group' }, this.#title, this.cards) : this.cards
  }

  /** Puts these into it in this order, without moving those already in place. */
  hold(cards: readonly HTMLElement[], title: string): void {
    if (this.#title) say(this.#title, title)
    for (const [index, card] of cards.entries()) {
      const there = this.cards.children[index] ?? null
      if (there !== card) this.cards.insertBefore(card, there)
    }
  }
}

/** All uplinks. */
export class Uplinks {
  readonly #cards = new Map<string, Card>()
  readonly #groups = new Map<string, Group>()
  readonly #filter = part('filter') as HTMLInputElement
  #range: Range
  #snapshot: PageSnapshot | undefined

  constructor(range: Range) {
    this.#range = range
    this.#filter.addEventListener('input', () => this.#arrange())
  }

  update(snapshot: PageSnapshot): void {
    this.#snapshot = snapshot
    const { at, uplinks, inUse } = snapshot
    const names = new Set(uplinks.map(({ name }) => name))
    for (const [name, card] of this.#cards) {
      if (names.has(name)) continue
      card.remove()
      this.#cards.delete(name)
    }
    for (const uplink of uplinks) {
      const { name } = uplink
      const known = this.#cards.get(name)
      const card = known ?? new Card(name, this.#range)
      this.#cards.set(name, card)
      if (!known) card.root.open = uplinks.length <= few
      card.update(uplink, at, name === inUse)
    }
    this.#filter.hidden = uplinks.length <= few
    this.#arrange()
  }

  look(range: Range): void {
    this.#range = range
    for (const card of this.#cards.values()) card.look(range)
  }

  /** Opens this uplink and scrolls to it. False if no uplink has the name. */
  reveal(name: string): boolean {
    const card = this.#cards.get(name)
    if (!card) return false
    this.#filter.value = ''
    this.#arrange()
    card.root.open = true
    const group = card.root.closest<HTMLDetailsElement>('.group')
    if (group) group.open = true
    card.root.scrollIntoView({ block: 'start' })
    card.root.querySelector<HTMLElement>('summary')!.focus({ preventScroll: true })
    return true
  }

  #arrange(): void {
    if (!this.#snapshot) return
    const wanted = this.#filter.value.trim().toLowerCase()
    const { uplinks } = this.#snapshot
    const shown = uplinks.filter(uplink => textOf(uplink).includes(wanted))
    for (const uplink of uplinks) this.#cards.get(uplink.name)!.root.hidden = !shown.includes(uplink)
    part('none').hidden = shown.length > 0 || uplinks.length === 0
    const isMany = uplinks.length > few
    const working = isMany ? uplinks.filter(({ state }) => state === 'up') : []
    const first = uplinks.filter(uplink => !working.includes(uplink))
    if (isMany) first.sort((a, b) => worstFirst.indexOf(a.state) - worstFirst.indexOf(b.state))
    const groups: [title: string, members: PageUplink[]][] = [['first', first]]
    for (const priority of [...new Set(working.map(({ priority }) => priority))].sort((a, b) => a - b))
      groups.push([`up, priority ${priority}`, working.filter(uplink => uplink.priority === priority)])
    for (const [title, members] of groups) this.#hold(title, members, shown, wanted !== '')
    for (const [title, { root }] of this.#groups) {
      if (groups.some(([name]) => name === title)) continue
      root.remove()
      this.#groups.delete(title)
    }
  }

  #hold(title: string, members: readonly PageUplink[], shown: readonly PageUplink[], isFiltered: boolean): void {
    let group = this.#groups.get(title)
    if (!group) {
      group = new Group(title !== 'first')
      this.#groups.set(title, group)
      part('uplinks').append(group.root)
    }
    const found = members.filter(uplink => shown.includes(uplink)).length
    group.root.hidden = found === 0
    if (isFiltered && group.root instanceof HTMLDetailsElement) group.root.open = true
    group.hold(
      members.map(({ name }) => this.#cards.get(name)!.root),
      `${isFiltered ? `${found} of ${members.length}` : members.length} ${title}`,
    )
  }
}

function textOf({ name, device, state, addresses }: PageUplink): string {
  return [name, device, state, ...addresses].join(' ').toLowerCase()
}
