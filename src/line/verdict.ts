/** An answer to a question about a line. */
export interface LineVerdict {
  /** `unknown`: nothing proves either. */
  readonly verdict: 'yes' | 'no' | 'unknown'
  /** What proves it, or why it is unknown. */
  readonly evidence: string
}

export const unknown = (evidence: string): LineVerdict => ({ verdict: 'unknown', evidence })
