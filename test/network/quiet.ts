import { setTimeout as sleep } from 'node:timers/promises'
import { lab } from '../lab/index.js'

/** Waits until both uplinks have stood still for 100 ms: the connections of the test before say goodbye. */
export async function quiet(): Promise<void> {
  const moved = () => JSON.stringify([lab.counters('wan1'), lab.counters('wan2')])
  for (let before = '', turns = 0; before !== moved() && turns < 50; turns++) {
    before = moved()
    await sleep(100)
  }
}
