import { publicUrl } from '../../checks/public-url.js'
import { joinHostPort } from '../../errors.js'
import type { UplinkCheck } from '../options.js'

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
