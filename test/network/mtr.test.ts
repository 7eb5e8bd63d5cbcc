import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, test } from 'vitest'
import { loss } from '../lab/faults.js'
import { atEnd, type Host, lab, needs } from '../lab/index.js'
import { collect, command, netvia, objects, startCli } from '../unit/cli-process.js'
import { schemaErrors } from '../unit/cli-schema.js'
import { movedDuring } from './moved.js'

const { server } = lab
/** An address three hops away through wan1, behind the internet host. */
const far = '10.2.0.1'

/** Randomly drops packets that `host` itself sends, but not those that it forwards. */
function loseAnswers(host: Host, probability: number): () => void {
  const table = `answers_${host}`
  lab.run(host, 'nft', `add table inet ${table}; add chain inet ${table} out { type filter hook output priority 0; }`)
  lab.run(host, 'nft', `add rule inet ${table} out ${loss(probability, 'meta l4proto icmp')}`)
  const repair = () => void lab.run(host, 'nft', 'delete', 'table', 'inet', table)
  atEnd(repair)
  return repair
}

interface Figures {
  ttl: number
  address?: string
  lossRatio?: number
  lossContinues: boolean
  avgMs?: number
  sent: number
}

describe('mtr', () => {
  needs('nft', 'mtr', 'tmux')

  it('finds the same loss as mtr(8), and marks only the loss that continues to the target', async () => {
    // Disable the routers' ICMP rate limits.
    for (const host of ['isp1', 'isp2', 'internet'] as const) {
      lab.run(host, 'sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0', 'net.ipv4.icmp_msgs_per_sec=100000')
    }
    loseAnswers('internet', 0.3)
    loseAnswers('isp2', 0.1)
    const count = '150'
    const [ours, theirs] = await Promise.all([
      netvia(['mtr', '-r', '-n', '-I', 'wan1', '-c', count, '-i', '50ms', '-Z', '500ms', '--json', far]),
      (async () => {
        const child = lab.spawn('router', 'mtr', '-n', '-r', '-c', count, '-i', '0.1', '--csv', far)
        let text = ''
        for await (const chunk of child.stdout!) text += chunk
        return text
      })(),
    ])
    const summary = objects(ours)[0]!
    expect(await schemaErrors([summary])).toEqual([])
    const hops = summary.hops as Figures[]
    const lines = theirs.trim().split('\n').slice(1)
    const losses = lines.map(line => Number(line.split(',')[6]) / 100)
    expect(hops.map(({ address }) => address)).toEqual(lines.map(line => line.split(',')[5]))
    for (const [index, expected] of [0, 0.3, 0.1].entries()) {
      // Four standard deviations of the difference. Both samples, netvia's and mtr's, are random.
      const allowed = 4 * Math.sqrt((2 * expected * (1 - expected)) / Number(count)) + 1e-9
      expect({ index, apart: Math.abs(hops[index]!.lossRatio! - losses[index]!) <= allowed }).toEqual({
        index,
        apart: true,
      })
      expect(Math.abs(hops[index]!.lossRatio! - expected)).toBeLessThanOrEqual(allowed)
    }
    // The second hop's loss is about three times the target's, and rarely less than twice as much.
    const goesOn = hops[2]!.lossRatio! >= hops[1]!.lossRatio! / 2
    expect(hops.map(({ lossContinues }) => lossContinues)).toEqual([false, goesOn, true])
    expect(hops.map(({ sent }) => sent)).toEqual([150, 150, 150])
  })

  test.each(['-u', '-T'])(
    '%s waits for the line behind a fast router, and takes no late answer for another',
    async flag => {
      const relay = await lab.relay({ delayMs: 600, direction: 'back' })
      atEnd(() => relay.stop())
      const [beyond, { address4: router }] = ['10.99.0.1', lab.wan1]
      lab.run('router', 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
      atEnd(() => lab.run('router', 'sysctl', '-qw', 'net.ipv4.ip_forward=0'))
      const whileTesting = (host: Host, kind: string, ...what: string[]) => {
        lab.run(host, 'ip', kind, 'add', ...what)
        atEnd(() => lab.run(host, 'ip', kind, 'delete', ...what))
      }
      whileTesting('router', 'route', beyond, 'via', lab.slow.address4)
      whileTesting('isp1', 'route', beyond, 'via', router)
      whileTesting('slow', 'address', `${beyond}/32`, 'dev', 'lo')
      whileTesting('slow', 'route', '192.0.2.0/24', 'via', '10.9.0.1')
      const flags = ['-r', '-n', '-c', '3', '-Z', '5', '--json']
      const child = lab.spawn('isp1', process.execPath, command, 'mtr', flag, ...flags, beyond)
      expect(objects(await collect(child))).toMatchObject([
        {
          hops: [
            { address: router, received: 3 },
            { address: beyond, received: 3, reached: true },
          ],
        },
      ])
    },
  )

  test.each(['-u', '-T'])('%s sends every probe from one port to one port, and flows have one each', async flag => {
    const protocol = flag === '-u' ? 'udp' : 'tcp'
    const capture = await lab.capture('wan1', protocol)
    const { code } = await netvia(['mtr', '-r', '-n', flag, '-P', '4433', '-I', 'wan1', '-c', '3', '-i', '50ms', far])
    const flows = await netvia([
      'mtr',
      '-r',
      '-n',
      flag,
      '-P',
      '4434',
      '-I',
      'wan1',
      '-c',
      '2',
      '--flows',
      '2',
      '-i',
      '50ms',
      far,
    ])
    expect([code, flows.code]).toEqual([0, 0])
    const packets = (await capture.stop()).filter(({ destination }) => destination === far)
    const ports = (to: number) => {
      const sent = packets.filter(({ payload }) => payload!.readUInt16BE(2) === to)
      return new Set(sent.map(({ payload }) => payload!.readUInt16BE(0))).size
    }
    expect([ports(4433), ports(4434)]).toEqual([1, 2])
    expect(flows.stdout).toMatch(/^192\.0\.2\.1$[\s\S]*10\.2\.0\.1 {2}flows 1, 2$/m)
  })

  it('with two uplinks marks the first common hop, and the uplink that loses packets', async () => {
    lab.run('isp2', 'nft', 'add table inet lossy; add chain inet lossy f { type filter hook forward priority 0; }')
    lab.run('isp2', 'nft', `add rule inet lossy f ${loss(0.5)}`)
    atEnd(() => void lab.run('isp2', 'nft', 'delete table inet lossy'))
    let ended: Awaited<ReturnType<typeof netvia>> | undefined
    const packets = await movedDuring(async () => {
      const args = ['-r', '-n', '-c', '30', '-i', '50ms', '-Z', '3s', '-I', 'wan1', '-I', 'wan2', server.address4]
      ended = await netvia(['mtr', ...args])
    })
    const { stdout } = ended!
    expect(stdout).toMatch(/^ 2 +(= 203\.0\.113\.1 +.*){2}$/m)
    expect(stdout).toContain('= 203.0.113.1 is the first common hop')
    expect(stdout).toMatch(/^wan1 {2}no loss on the route$/m)
    expect(stdout).toMatch(/^wan2 {2}\d+% loss, from hop 2 /m)
    expect(Math.min(packets.wan1, packets.wan2)).toBeGreaterThan(20)
  })

  it('says that the device is gone, which is no loss of the route', async () => {
    const { device, address4, remove } = lab.addDevice('mtrgone')
    const nobody = address4.replace(/1$/, '77')
    const series = startCli(['mtr', '--json', '-c', '5', '-i', '300ms', '-Z', '200ms', '-I', device, nobody])
    await once(series.stdout!, 'data')
    remove()
    const ended = await series.ended
    expect(ended.code).toBe(4)
    const lines = objects(ended)
    expect(lines.at(-1)).toMatchObject({ event: 'summary', reached: false, error: { code: 'ENODEV', device } })
    expect(await schemaErrors(lines)).toEqual([])
  })

  it('prints CSV', async () => {
    const { stdout } = await netvia(['mtr', '-n', '--csv', '-c', '1', '-I', 'wan1', far])
    const [heading, ...rows] = stdout.trimEnd().split('\n')
    expect(heading).toMatch(/^device,host,hop,address/)
    expect(rows.map(row => row.split(',').slice(0, 4).join())).toEqual([
      `wan1,${far},1,192.0.2.1`,
      `wan1,${far},2,10.1.0.2`,
      `wan1,${far},3,${far}`,
    ])
  })

  test.each([80, 40])('shows a live table on a terminal of %i columns, and obeys keys', async width => {
    const socket = `${lab.folder}/tmux-${width}`
    const tmux = (...args: string[]) => spawnSync('tmux', ['-S', socket, ...args], { encoding: 'utf8' })
    const run = `${process.execPath} ${command} mtr -n -i 100ms -I wan1 ${far}; echo ended $?; sleep 60`
    tmux('-f', '/dev/null', 'new-session', '-d', '-x', String(width), '-y', '30', run)
    atEnd(() => void tmux('kill-server'))
    const until = async (shown: RegExp) => {
      for (let i = 0; i < 100; i++) {
        const text = tmux('capture-pane', '-p').stdout
        if (shown.test(text)) return text
        await sleep(100)
      }
      throw new Error(`${shown} is not in\n${tmux('capture-pane', '-p').stdout}`)
    }
    const sent = (text: string) => Number(/^ 1 +\S+ +\S+ +(\d+)/m.exec(text)?.[1])
    const text = await until(/^ 3 +10\.2\.0\.1 +0%/m)
    expect(text).toMatch(
      width === 80 ? /Host +Loss +Snt +Last +Avg +Best +Wrst +StDev/ : /Host +Loss +(Snt +)?(Last +)?Avg/,
    )
    expect(Math.max(...text.split('\n').map(line => line.length))).toBeLessThanOrEqual(width)
    tmux('send-keys', 'p')
    await until(/, paused/)
    await sleep(500)
    const before = sent(tmux('capture-pane', '-p').stdout)
    await sleep(700)
    expect(sent(tmux('capture-pane', '-p').stdout)).toBe(before)
    tmux('send-keys', 'p')
    if (width === 80) {
      tmux('send-keys', 'd')
      await until(/Loss +Drop +Rcv/)
      tmux('send-keys', 'd')
    }
    tmux('send-keys', 'q')
    await until(/ended 0/)
  })
})
