import type { Socket as UdpSocket } from 'node:dgram'
import type http from 'node:http'
import type https from 'node:https'
import type { Server, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Agent, Response } from 'undici'
import { describe, expectTypeOf, test } from 'vitest'
import {
  type CaptivePortal,
  type CertificateFacts,
  type CommonOptions,
  checkDns,
  checkHttp,
  checkPing,
  checkTcp,
  connect,
  connectTls,
  createLookup,
  type Device,
  type DnsRecord,
  device,
  deviceAddress,
  devices,
  type Hop,
  HttpAgent,
  HttpsAgent,
  type IcmpMessage,
  type IcmpSocket,
  icmp,
  listen,
  NetviaError,
  openIcmp,
  openUdp,
  type PathMtu,
  type PathOptions,
  type PingResult,
  type PingStatistics,
  type PortResult,
  type Privileges,
  pathMtu,
  ping,
  pings,
  privileges,
  type ResolvedAddress,
  type RouteStatistics,
  resolve,
  type StateEvent,
  scanPorts,
  sweep,
  type TcpInfo,
  tcpInfo,
  traceroute,
  traceroutes,
  UplinkGroup,
  UplinkMonitor,
  type UplinkState,
  type Via,
  via,
  watchDevices,
} from '../../src/index.js'
import { createDispatcher, fetch } from '../../src/undici.js'

// The compiler checks this file (`npm run check`). Code that would send something is in functions that are never called.

describe('types of ICMP', () => {
  test('the outcome determines the fields of a result', () => {
    expectTypeOf(ping).returns.resolves.toEqualTypeOf<PingResult>()
    expectTypeOf<PingResult['outcome']>().toEqualTypeOf<
      'reply' | 'timeout' | 'unreachable' | 'ttl-exceeded' | 'too-big' | 'send-failed'
    >()
    const outcomes = (result: PingResult) => {
      expectTypeOf(result.rttMs).toEqualTypeOf<number | undefined>()
      switch (result.outcome) {
        case 'reply':
          expectTypeOf(result.alive).toEqualTypeOf<true>()
          expectTypeOf(result.rttMs).toEqualTypeOf<number>()
          return expectTypeOf(result.from).toEqualTypeOf<string>()
        case 'timeout':
          expectTypeOf(result.alive).toEqualTypeOf<false>()
          return expectTypeOf(result.rttMs).toEqualTypeOf<undefined>()
        case 'unreachable':
        case 'ttl-exceeded':
          expectTypeOf(result.rttMs).toEqualTypeOf<number>()
          return expectTypeOf(result.reason).toEqualTypeOf<string>()
        case 'too-big':
          return expectTypeOf(result.mtu).toEqualTypeOf<number | undefined>()
        case 'send-failed':
          return expectTypeOf(result.error).toEqualTypeOf<NetviaError>()
        default:
          return expectTypeOf(result).toBeNever()
      }
    }
    expectTypeOf(outcomes).parameter(0).toEqualTypeOf<PingResult>()
  })

  test('series and sweeps are iterables of the same results, with statistics', () => {
    expectTypeOf(pings).returns.toExtend<AsyncIterable<PingResult>>()
    expectTypeOf(sweep).returns.toExtend<AsyncIterable<PingResult>>()
    expectTypeOf(pings).returns.toHaveProperty('statistics').toEqualTypeOf<PingStatistics>()
    expectTypeOf(sweep).returns.toHaveProperty('progress')
    expectTypeOf<PingStatistics['lossRatio']>().toEqualTypeOf<number | undefined>()
    expectTypeOf(sweep).toBeCallableWith(['192.0.2.0/24', '2001:db8::1'], { rate: 100 })
    expectTypeOf(sweep).toBeCallableWith('192.0.2.1-192.0.2.9')
  })

  test('traceroute yields hops with the same results', () => {
    expectTypeOf(traceroute).returns.toExtend<AsyncIterable<Hop>>()
    expectTypeOf(traceroutes).returns.toExtend<AsyncIterable<RouteStatistics>>()
    expectTypeOf<Hop['probes']>().toExtend<readonly PingResult[]>()
    expectTypeOf<Hop['reached']>().toEqualTypeOf<boolean>()
    expectTypeOf(pathMtu).returns.resolves.toEqualTypeOf<PathMtu>()
    expectTypeOf<PathMtu['mtu']>().toEqualTypeOf<number | undefined>()
  })

  test('messages are encoded and decoded by kind', () => {
    expectTypeOf(openIcmp).returns.toEqualTypeOf<IcmpSocket>()
    expectTypeOf<IcmpSocket>().toExtend<Disposable>()
    expectTypeOf(icmp.encode).parameter(0).toExtend<IcmpMessage>()
    expectTypeOf(icmp.decode).returns.toExtend<IcmpMessage>()
    type Echo = Extract<IcmpMessage, { kind: 'echo-request' | 'echo-reply' }>
    expectTypeOf<Echo['payload']>().toEqualTypeOf<Uint8Array>()
  })
})

describe('types of sockets and names', () => {
  test("calls return Node's own classes", () => {
    expectTypeOf(connect).returns.resolves.toEqualTypeOf<Socket>()
    expectTypeOf(connectTls).returns.resolves.toEqualTypeOf<TLSSocket>()
    expectTypeOf(listen).returns.resolves.toEqualTypeOf<Server>()
    expectTypeOf(openUdp).returns.resolves.toEqualTypeOf<UdpSocket>()
    expectTypeOf(tcpInfo).returns.toEqualTypeOf<TcpInfo>()
    expectTypeOf<TcpInfo['rttMs']>().toExtend<number | undefined>()
    expectTypeOf(listen).parameter(1).toEqualTypeOf<((socket: Socket) => void) | undefined>()
  })

  test('the record type determines the result of resolve', () => {
    const asking = async () => {
      expectTypeOf(await resolve('name.test')).toEqualTypeOf<ResolvedAddress[]>()
      expectTypeOf(await resolve('name.test', { type: 'AAAA' })).toEqualTypeOf<ResolvedAddress[]>()
      const [mail] = await resolve('name.test', { type: 'MX' })
      expectTypeOf(mail).toEqualTypeOf<DnsRecord<'MX'> | undefined>()
      expectTypeOf(mail!.data.exchange).toEqualTypeOf<string>()
      // @ts-expect-error a record type that is not read
      await resolve('name.test', { type: 'LOC' })
    }
    expectTypeOf(asking).toBeFunction()
  })

  test('a lookup is accepted by Node', () => {
    expectTypeOf(createLookup).returns.toExtend<NonNullable<http.RequestOptions['lookup']>>()
  })
})

describe('types of HTTP', () => {
  test('agents and dispatcher are accepted by libraries', () => {
    expectTypeOf<HttpAgent>().toExtend<http.Agent>()
    expectTypeOf<HttpsAgent>().toExtend<https.Agent>()
    expectTypeOf(HttpAgent).toBeConstructibleWith({ device: 'wan2', maxSockets: 2 })
    expectTypeOf(HttpsAgent).toBeConstructibleWith({ device: 'wan2', ca: '', rejectUnauthorized: false })
    expectTypeOf(createDispatcher).returns.toEqualTypeOf<Agent>()
    expectTypeOf(fetch).returns.resolves.toEqualTypeOf<Response>()
  })
})

describe('types of checks and devices', () => {
  test('a check has ok, latency and error', () => {
    interface Verdict {
      ok: boolean
      latencyMs: number | undefined
      error: NetviaError | undefined
    }
    expectTypeOf(checkHttp).returns.resolves.toExtend<Verdict>()
    expectTypeOf(checkTcp).returns.resolves.toExtend<Verdict>()
    expectTypeOf<Awaited<ReturnType<typeof checkDns>>>().toExtend<Verdict>()
    expectTypeOf(checkPing).returns.resolves.toExtend<Verdict>()
    type Http = Awaited<ReturnType<typeof checkHttp>>
    expectTypeOf<Http['certificate']>().toEqualTypeOf<CertificateFacts | undefined>()
    expectTypeOf<Http['timings']['totalMs']>().toEqualTypeOf<number>()
    expectTypeOf<CertificateFacts['validTo']>().toEqualTypeOf<Date>()
  })

  test('ok distinguishes the two results', () => {
    const judging = async (group: UplinkGroup) => {
      const http = await checkHttp('http://name.test/')
      if (http.ok) {
        expectTypeOf(http.status).toEqualTypeOf<number>()
        expectTypeOf(http.latencyMs).toEqualTypeOf<number>()
        expectTypeOf(http.error).toEqualTypeOf<undefined>()
      } else {
        expectTypeOf(http.error).toEqualTypeOf<NetviaError>()
        expectTypeOf(http.captivePortal).toEqualTypeOf<CaptivePortal | undefined>()
      }
      const tcp = await checkTcp({ host: 'name.test', port: 80 })
      expectTypeOf(tcp.ok ? tcp.latencyMs : 0).toEqualTypeOf<number>()
      if (!tcp.ok) expectTypeOf(tcp.error).toEqualTypeOf<NetviaError>()
      const pinged = await checkPing('name.test')
      expectTypeOf(pinged.ok ? pinged.latencyMs : 0).toEqualTypeOf<number>()
      if (!pinged.ok) expectTypeOf(pinged.error).toEqualTypeOf<NetviaError>()
      const mail = await checkDns('name.test', { type: 'MX' })
      expectTypeOf(mail.answers).toEqualTypeOf<DnsRecord<'MX'>[]>()
      if (!mail.ok) expectTypeOf(mail.error).toEqualTypeOf<NetviaError>()
      expectTypeOf((await checkDns('name.test')).answers).toEqualTypeOf<ResolvedAddress[]>()
      const path = await pathMtu('name.test')
      if (path.method === 'none') expectTypeOf(path.reason).toEqualTypeOf<string>()
      else expectTypeOf(path.mtu).toEqualTypeOf<number>()
      expectTypeOf(await group.resolve('name.test')).toEqualTypeOf<ResolvedAddress[]>()
      expectTypeOf(await group.resolve('name.test', { type: 'MX', key: 'k' })).toEqualTypeOf<DnsRecord<'MX'>[]>()
    }
    expectTypeOf(judging).toBeFunction()
  })

  test('a scan is iterable, and returns the open ports', () => {
    expectTypeOf(scanPorts).returns.toExtend<AsyncIterable<PortResult>>()
    expectTypeOf(scanPorts).returns.toHaveProperty('open').returns.resolves.toEqualTypeOf<number[]>()
    expectTypeOf<PortResult['state']>().toEqualTypeOf<'open' | 'closed' | 'filtered'>()
  })

  test('devices', () => {
    expectTypeOf(devices).returns.resolves.toEqualTypeOf<Device[]>()
    expectTypeOf(device).returns.resolves.toEqualTypeOf<Device>()
    expectTypeOf(deviceAddress).returns.resolves.toEqualTypeOf<string>()
    expectTypeOf(watchDevices).returns.toExtend<AsyncIterable<{ type: string }>>()
    expectTypeOf(privileges).returns.resolves.toEqualTypeOf<Privileges>()
  })
})

describe('types of the monitor', () => {
  test('states and events', () => {
    expectTypeOf<UplinkState>().toEqualTypeOf<'unknown' | 'up' | 'degraded' | 'down'>()
    expectTypeOf<UplinkMonitor>().toExtend<AsyncDisposable>()
    const watching = (monitor: UplinkMonitor) => {
      monitor.on('state', event => expectTypeOf(event).toEqualTypeOf<StateEvent>())
      expectTypeOf(new UplinkGroup(monitor, { policy: 'sticky' }).httpAgent).toExtend<http.Agent>()
      // @ts-expect-error no such policy
      new UplinkGroup(monitor, { policy: 'random' })
      // @ts-expect-error no such event
      monitor.on('status', () => {})
    }
    expectTypeOf(watching).toBeFunction()
  })
})

describe('types of options', () => {
  test('every call takes the path and a signal', () => {
    expectTypeOf<CommonOptions>().toExtend<PathOptions>()
    expectTypeOf<Parameters<typeof connect>[0]>().toExtend<CommonOptions>()
    expectTypeOf<Parameters<typeof listen>[0]>().toExtend<CommonOptions>()
    expectTypeOf<Parameters<typeof openIcmp>[0]>().toExtend<CommonOptions>()
    expectTypeOf<NonNullable<Parameters<typeof openUdp>[0]>>().toExtend<CommonOptions>()
    expectTypeOf<NonNullable<Parameters<typeof ping>[1]>>().toExtend<CommonOptions>()
    expectTypeOf<NonNullable<Parameters<typeof pings>[1]>>().toExtend<CommonOptions>()
    expectTypeOf<NonNullable<Parameters<typeof sweep>[1]>>().toExtend<CommonOptions>()
    expectTypeOf<NonNullable<Parameters<typeof resolve>[1]>>().toExtend<CommonOptions>()
    expectTypeOf<NonNullable<Parameters<typeof scanPorts>[1]>>().toExtend<CommonOptions>()
    expectTypeOf<NonNullable<Parameters<typeof checkHttp>[1]>>().toExtend<CommonOptions>()
    expectTypeOf<NonNullable<Parameters<typeof checkDns>[1]>>().toExtend<CommonOptions>()
    expectTypeOf<NonNullable<Parameters<typeof checkPing>[1]>>().toExtend<CommonOptions>()
    expectTypeOf<Parameters<typeof checkTcp>[0]>().toExtend<CommonOptions>()
  })

  test('via() returns the same calls', () => {
    expectTypeOf(via<string>).returns.toEqualTypeOf<Via>()
    expectTypeOf<ReturnType<Via['ping']>>().toEqualTypeOf<ReturnType<typeof ping>>()
    expectTypeOf<Parameters<Via['ping']>>().toExtend<Parameters<typeof ping>>()
    expectTypeOf<Parameters<typeof ping>>().toExtend<Parameters<Via['ping']>>()
    expectTypeOf<Parameters<Via['connect']>>().toExtend<Parameters<typeof connect>>()
    expectTypeOf<Via['resolve']>().toEqualTypeOf<typeof resolve>()
    expectTypeOf<Via['HttpAgent']>().toEqualTypeOf<typeof HttpAgent>()
  })

  test('a call of via() accepts no other device', () => {
    const calls = (name: string) => {
      const wan2 = via({ device: 'wan2', mark: 2 })
      expectTypeOf(wan2).toEqualTypeOf<Via<'wan2'>>()
      expectTypeOf(wan2).toExtend<Via>()
      void wan2.ping('192.0.2.1', { device: 'wan2', timeout: 5 })
      void wan2.connect({ host: 'name.test', port: 80 })
      // @ts-expect-error another device
      void wan2.ping('192.0.2.1', { device: 'wan1' })
      // @ts-expect-error another device
      void via('wan2').connect({ host: 'name.test', port: 80, device: 'wan1' })
      // @ts-expect-error unknown
      void wan2.ping('192.0.2.1', { timeoutMs: 5 })
      // Conflicts that the types can't express are checked at the call.
      void via(name).ping('192.0.2.1', { device: 'wan1' })
      void via({ mark: 2 }).ping('192.0.2.1', { device: 'wan1' })
    }
    expectTypeOf(calls).toBeFunction()
  })

  test('unknown, missing and mistyped ones do not compile', () => {
    const wrong = async () => {
      // @ts-expect-error unknown
      await ping('192.0.2.1', { timeoutMs: 5 })
      // @ts-expect-error unknown
      await connect({ host: 'name.test', port: 80, interface: 'wan2' })
      // @ts-expect-error no port
      await connect({ host: 'name.test' })
      // @ts-expect-error a port is a number
      await connect({ host: 'name.test', port: '80' })
      // @ts-expect-error no host
      await checkTcp({ port: 80 })
      // @ts-expect-error no family
      openIcmp({ kind: 'raw' })
      // @ts-expect-error a family is a number
      await resolve('name.test', { family: '4' })
      // @ts-expect-error a lowest and a highest
      await checkHttp('http://name.test/', { expectStatus: [200] })
      // @ts-expect-error unknown
      scanPorts('192.0.2.1', { from: 1 })
      // @ts-expect-error an agent has no signal: requests have
      new HttpAgent({ device: 'wan2', signal: AbortSignal.timeout(5) })
      // @ts-expect-error the path chooses the dispatcher
      await fetch('http://name.test/', { device: 'wan2', dispatcher: createDispatcher() })
      // @ts-expect-error no uplinks
      new UplinkMonitor({ interval: 1000 })
      // @ts-expect-error a path has no port
      via({ device: 'wan2', port: 80 })
    }
    expectTypeOf(wrong).toBeFunction()
  })

  test("an error has Node's fields, and the device and a hint", () => {
    expectTypeOf<NetviaError>().toExtend<NodeJS.ErrnoException>()
    expectTypeOf<NetviaError['code']>().toEqualTypeOf<string>()
    expectTypeOf<NetviaError['device']>().toEqualTypeOf<string | undefined>()
    expectTypeOf<NetviaError['hint']>().toEqualTypeOf<string | undefined>()
    expectTypeOf(NetviaError).instance.toExtend<Error>()
  })
})
