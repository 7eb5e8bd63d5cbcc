import { publicUrl } from '../../checks/public-url.js'
import { joinHostPort } from '../../errors.js'
import type { UplinkCheck } from '../options.js'
import type { Uplink } from '../settings.js'
import type { JudgedCheck } from '../state/check-record.js'
import type { Limits } from '../state/quality.js'
import { Quorum } from '../state/quorum.js'

/** The target of a check for people, without the secrets of a URL. */
export function targetOf(check: UplinkCheck): string {
  switch (check.type) {
    case 'ping':
      return check.host
    case 'tcp':
      return joinHostPort(check.host, check.port)
    case 'dns':
      return check.name
    case 'http':
      return publicUrl(check.url)
  }
}

/** How the state machine judges these checks. `limits`: of those without their own. */
export function judgedChecks(checks: readonly UplinkCheck[], limits: Limits): JudgedCheck[] {
  return checks.map(check => {
    const target = targetOf(check)
    const { loss = limits.loss, latencyMs = limits.latencyMs } = check
    return { label: `${check.type} ${target}`, target, loss, latencyMs }
  })
}

/** Which of an uplink's checks must succeed. */
export function quorumOf({ checks, quorum }: Uplink, reliability: number): Quorum {
  const roles = checks.map(({ required = false, group }) => ({ required, group }))
  return new Quorum(roles, reliability, new Map(Object.entries(quorum)))
}
