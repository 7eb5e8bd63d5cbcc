import type { AddressInfo } from 'node:net'
import { joinHostPort } from '../../errors.js'
import { Access, tokenFor } from '../monitor/web/access.js'
import { listening, whenThere } from '../monitor/web/bind.js'
import { listenAddress } from '../monitor/web/listen-address.js'
import { Exit } from '../shared/exit-code.js'
import { fired } from '../shared/interrupt.js'
import { plural } from '../shared/output/format.js'
import type { Session } from '../shared/session.js'
import { keepYoungGenerationSmall } from '../shared/young-generation.js'
import { type Configuration, readModules } from './config/read.js'
import { OwnMetrics } from './own-metrics.js'
import { scrape } from './scrape.js'
import { makeServer } from './server.js'

export interface ExporterFlags {
  config: string
  check?: boolean
  listen: string
  tokenFile?: string
  /** In milliseconds. */
  timeoutOffset: number
  json?: boolean
}

export async function run(session: Session, flags: ExporterFlags): Promise<Exit> {
  keepYoungGenerationSmall()
  const { output, signal, program } = session
  const { config: file, timeoutOffset } = flags
  let configuration = readModules(file)
  if (flags.check) return praise(session, file, configuration)
  const address = listenAddress(flags.listen)
  const access = new Access(tokenFor(address, flags.tokenFile, process.env))
  const metrics = new OwnMetrics(program.version()!)
  const userAgent = `netvia/${program.version()!}`
  const reload = () => {
    try {
      configuration = readModules(file)
      metrics.reloaded(true)
    } catch (error) {
      metrics.reloaded(false)
      output.object('error', { error })
      output.note(
        ...(error as Error).message.split('\n'),
        `netvia: ${file} is not accepted; netvia continues with the previous one`,
      )
      throw error
    }
  }
  const probe = (request: Omit<Parameters<typeof scrape>[1], 'timeoutOffset' | 'userAgent'>) =>
    scrape(configuration, Object.assign({ timeoutOffset, userAgent }, request))
  const server = makeServer({ metrics, reload, probe }, access)
  session.outliveOutput()
  session.onHangUp(() => {
    try {
      reload()
    } catch {
      // Reported already.
    }
  })
  const waiting = () => output.note(`netvia: no device has the address ${address.host} yet; waiting for it`)
  if (await whenThere(() => listening(server, address), signal, waiting)) {
    const { address: host, port } = server.address() as AddressInfo
    const url = `http://${joinHostPort(host, port)}/`
    output.object('listening', { url })
    output.line(`probes and metrics: ${url}`)
  }
  await fired(signal)
  server.close()
  server.closeAllConnections()
  return Exit.good
}

function praise({ output }: Session, file: string, { modules }: Configuration): Exit {
  output.object('configuration', { file, modules: [...modules.keys()] })
  output.line(`${file}: ${plural(modules.size, 'module')}`)
  return Exit.good
}
