import { readNamedText } from '../../shared/named-file.js'

const file = '/etc/services'

/** What Go, and so blackbox_exporter, knows without the file, for TCP and UDP. */
const known: Readonly<Record<string, number>> = {
  ...{ domain: 53, ftp: 21, ftps: 990, gopher: 70, http: 80, https: 443, imap2: 143, imap3: 220, imaps: 993 },
  ...{ pop3: 110, pop3s: 995, smtp: 25, submissions: 465, ssh: 22, telnet: 23 },
}

/** The port of a service, such as `smtp`; undefined for a name that nothing knows. */
export function servicePort(name: string): number | undefined {
  const service = name.toLowerCase()
  return portIn(fileText(), service) ?? (Object.hasOwn(known, service) ? known[service] : undefined)
}

function fileText(): string {
  try {
    return readNamedText(file, 0)
  } catch {
    return ''
  }
}

/** Lines are `name port/protocol alias…`. */
function portIn(text: string, service: string): number | undefined {
  for (const line of text.split('\n')) {
    const [name, place = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/)
    const [, port] = /^(\d{1,5})\/(?:tcp|udp)$/.exec(place) ?? []
    if (port !== undefined && [name, ...aliases].includes(service)) return Number(port)
  }
  return undefined
}
