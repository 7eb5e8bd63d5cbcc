import { nodeCrypto } from '../builtins.js'
import { NetviaError } from '../errors.js'
import { type CommonOptions, pathOf } from '../options.js'
import { resolve } from '../protocols/dns/resolve.js'
import { type LineVerdict, unknown } from './verdict.js'

export interface DnsQuestions extends CommonOptions {
  readonly servers: readonly string[] | undefined
  readonly absentDomain: string
  readonly name: string | undefined
  readonly reference: string | undefined
  readonly timeout: number
}

/** Asks for a name that does not exist, and compares the answers for one that does with those of another server. */
export async function findDnsTampering(questions: DnsQuestions): Promise<LineVerdict> {
  const { absentDomain, name, reference, servers } = questions
  const absent = `${nodeCrypto().randomBytes(8).toString('hex')}.${absentDomain}`
  const invented = await addressesOf(absent, servers, questions)
  if (invented.length)
    return {
      verdict: 'yes',
      evidence: `the name server has ${invented.join(', ')} for ${absent}, which does not exist`,
    }
  if (name === undefined || reference === undefined)
    return { verdict: 'no', evidence: `the name server denies ${absent}; no other name was compared` }
  const answered = await addressesOf(name, servers, questions)
  const expected = await addressesOf(name, [reference], questions)
  const words = (addresses: readonly string[]) => addresses.join(', ') || 'no address'
  const compared = `for ${name} the name server has ${words(answered)}, and ${reference} has ${words(expected)}`
  if (expected.length === 0) return unknown(compared)
  const agree = answered.some(address => expected.includes(address))
  return { verdict: agree ? 'no' : 'yes', evidence: compared }
}

/** None for a name that is denied. */
async function addressesOf(name: string, servers: readonly string[] | undefined, questions: DnsQuestions) {
  const { timeout, signal } = questions
  try {
    const found = await resolve(name, { ...pathOf(questions), servers, timeout, signal, type: 'A' })
    return found.map(({ address }) => address)
  } catch (error) {
    if (error instanceof NetviaError && (error.code === 'ENOTFOUND' || error.code === 'ENODATA')) return []
    throw error
  }
}
