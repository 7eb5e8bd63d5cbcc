/** One thing the doctor has looked at. */
export interface Finding {
  about: string
  /** `note`: nothing is wrong, but it explains what one may see. */
  status: 'yes' | 'no' | 'note'
  detail: string
  /** A `no` that checks can live with. */
  optional?: boolean
  /** The command that turns a `no` into a `yes`. */
  fix?: string
  device?: string
}
