/** The command that makes a `sysctl -w` last (sysctl.d(5)). */
export function keepCommand(fix: string | undefined): string | undefined {
  const [, setting] = /^sysctl -w (\S+=.*)$/.exec(fix ?? '') ?? []
  return setting && `echo '${setting.replaceAll('"', '')}' >> /etc/sysctl.d/90-netvia.conf`
}

/** One thing the doctor has looked at. */
export interface Finding {
  about: string
  /** `note`: nothing is wrong, but it explains what you may see. */
  status: 'yes' | 'no' | 'note'
  detail: string
  /** Checks work in spite of this `no`. */
  optional?: boolean
  /** The command that turns a `no` into a `yes`. */
  fix?: string
  /** The command that makes it last: a sysctl is forgotten at the next start. */
  keep?: string
  device?: string
}
