import type { Finding } from './finding.js'

export async function privilegeFindings(): Promise<Finding[]> {
  return []
}
