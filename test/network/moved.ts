import { lab } from '../lab/index.js'
import { quiet } from './quiet.js'

/** Packets that each uplink moved while `work` ran. */
export async function movedDuring(work: () => Promise<unknown>): Promise<{ wan1: number; wan2: number }> {
  await quiet()
  const count = (device: string) => lab.counters(device).txPackets + lab.counters(device).rxPackets
  const before = [count('wan1'), count('wan2')] as const
  await work()
  return { wan1: count('wan1') - before[0], wan2: count('wan2') - before[1] }
}
