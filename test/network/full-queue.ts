import { atEnd, lab } from '../lab/index.js'

/** Puts a queue on wan2 that takes no packet, until the returned function is called or the test ends. */
export function fillQueue(): () => void {
  lab.run('router', 'tc', ...'qdisc add dev wan2 root tbf rate 8bit burst 10 limit 10'.split(' '))
  let full = true
  const empty = () => {
    if (full) lab.run('router', 'tc', 'qdisc', 'delete', 'dev', 'wan2', 'root')
    full = false
  }
  atEnd(empty)
  return empty
}
