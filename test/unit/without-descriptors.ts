import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Does `work` while this process can open no descriptors. */
export async function withoutDescriptors(work: () => unknown): Promise<void> {
  const limit = 'prlimit --pid $PPID --nofile'
  const limits = spawn('sh', [
    '-ec',
    `old=$(${limit} -o SOFT --noheadings); ${limit}=3:; echo; read x; ${limit}=$old:; echo`,
  ])
  try {
    await once(limits.stdout, 'data')
    await work()
  } finally {
    limits.stdin.end('\n')
    await once(limits.stdout, 'data')
  }
}
