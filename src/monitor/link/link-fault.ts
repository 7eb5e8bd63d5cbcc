import { isIP } from '../../builtins.js'
import { parseHttpUrl } from '../../checks/http/url.js'
import { unmapped } from '../../sockets/ip.js'
import type { BorrowedSource } from '../../system/borrowed-source.js'
import type { UplinkCheck } from '../options.js'
import type { Quorum } from '../state/quorum.js'
import type { Outcome } from '../state/state-machine.js'

type Family = 4 | 6

/** Facts about a device's link. */
export interface LinkFacts {
  /** Why nothing can go out through it: 'no carrier', …; null when something can. */
  fault: string | null
  /** Address families of which it had an address before, but has none now. */
  lost: readonly Family[]
  /** The address of another device that its IPv6 packets have. */
  borrowed?: Borrowed
}

interface Borrowed extends BorrowedSource {
  /** Whether that device is a watched one too. Answers to its address come in through it. */
  readonly ofUplink: boolean
}

/** As much of a device as the link depends on. */
export interface LinkDevice {
  readonly up: boolean
  readonly running: boolean
  readonly addresses: readonly LinkAddress[]
  /** The address of another device that its IPv6 packets have now. */
  borrowed(): Borrowed | undefined
}

interface LinkAddress {
  readonly family: Family
  readonly scope: string
  readonly tentative: boolean
  readonly deprecated: boolean
}

/** In ms. DHCP clients take an address away and give it back when they renew it. Connections survive that. */
const patience = 300

/** Follows one device. Its past distinguishes a lost address from one that was never needed. */
export class LinkHistory {
  #seen = false
  readonly #had = new Set<Family>()
  readonly #missedSince = new Map<Family, number>()
  #lost: readonly Family[] = []
  #mayBorrow = false

  /** `device` is undefined while no device has that name. `now` is monotonic, in ms. */
  update(device: LinkDevice | undefined, now: number): LinkFacts {
    const usable = device?.addresses.filter(isUsable) ?? []
    const has = usable.map(({ family }) => family)
    for (const family of has) this.#had.add(family)
    this.#mayBorrow = device !== undefined && !usable.some(({ family, deprecated }) => family === 6 && !deprecated)
    const borrowed = this.#mayBorrow ? device!.borrowed() : undefined
    // With a delegated prefix (RFC 8415), a device of the LAN may have the only address. The checks show whether it works.
    if (borrowed?.ofUplink === false) has.push(6)
    for (const family of this.#had) {
      if (has.includes(family)) this.#missedSince.delete(family)
      else if (!this.#missedSince.has(family)) this.#missedSince.set(family, now)
    }
    this.#lost = [...this.#had].filter(family => now - (this.#missedSince.get(family) ?? now) >= patience)
    const fault = this.#faultOf(device)
    this.#seen ||= device !== undefined
    return { fault, lost: this.#lost, borrowed }
  }

  /** Whether it depends on the addresses of other devices, and on the routes. */
  get mayBorrow(): boolean {
    return this.#mayBorrow
  }

  /** Whether an address is missed that may still come back in time: read the device again soon. */
  get isWaiting(): boolean {
    return this.#missedSince.size > this.#lost.length
  }

  #faultOf(device: LinkDevice | undefined): string | null {
    if (!device) return this.#seen ? 'device deleted' : 'no such device'
    if (!device.up) return 'device switched off'
    return device.running ? null : 'no carrier'
  }
}

function isUsable({ scope, tentative }: LinkAddress): boolean {
  return (scope === 'global' || scope === 'site') && !tentative
}

/**
 * Why an uplink with these checks can't work on this link; null when it can. A lost address counts if it leaves too few
 * checks with an address to run from: no round of them could be good.
 */
export function linkFault({ fault, lost }: LinkFacts, checks: readonly UplinkCheck[], quorum: Quorum): string | null {
  if (fault !== null || lost.length === 0) return fault
  const isAble = (check: number) => checkFamilies(checks[check]!).some(family => !lost.includes(family))
  return !quorum.met(isAble) ? `no IPv${lost.join(' and IPv')} address any more` : null
}

/** A failure of the network with what the check can't know: this machine may have sent from an address of another device. */
export function withSource(outcome: Outcome, check: UplinkCheck, facts: LinkFacts | undefined): Outcome {
  const { borrowed } = facts ?? {}
  if (outcome.ok || outcome.local || !borrowed || !checkFamilies(check).includes(6)) return outcome
  const { address, device } = borrowed
  return { ...outcome, error: `${outcome.error} (IPv6 packets have the address ${address} of ${device})` }
}

/** The families that a check can use: only one if its target is an address. */
function checkFamilies(check: UplinkCheck): readonly Family[] {
  switch (check.type) {
    case 'ping':
    case 'tcp':
      return check.family ? [check.family] : hostFamilies(check.host)
    case 'http':
      return check.family ? [check.family] : hostFamilies(parseHttpUrl(check.url)!.url.hostname.replace(/^\[|\]$/g, ''))
    case 'dns':
      return [4, 6]
  }
}

function hostFamilies(host: string): readonly Family[] {
  const family = isIP(unmapped(host))
  return family === 0 ? [4, 6] : [family as Family]
}
