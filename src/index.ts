export {
  checkDns,
  type DnsCheckFailure,
  type DnsCheckOptions,
  type DnsCheckResult,
  type DnsCheckSuccess,
} from './checks/check-dns.js'
export {
  checkPing,
  type PingCheckFailure,
  type PingCheckOptions,
  type PingCheckResult,
  type PingCheckSuccess,
} from './checks/check-ping.js'
export {
  checkTcp,
  type TcpCheckFailure,
  type TcpCheckOptions,
  type TcpCheckResult,
  type TcpCheckSuccess,
} from './checks/check-tcp.js'
export type { CaptivePortal } from './checks/http/captive-portal.js'
export { checkHttp } from './checks/http/check-http.js'
export type { HttpCheckOptions, HttpCheckTlsOptions } from './checks/http/options.js'
export type {
  HttpCheckFacts,
  HttpCheckFailure,
  HttpCheckResult,
  HttpCheckSuccess,
  HttpTimings,
} from './checks/http/result.js'
export { joinHostPort, NetviaError, type NetviaErrorDetails, type OptionPath } from './errors.js'
export type { GroupConnectOptions, GroupFetchInit, GroupResolveOptions } from './group/call-options.js'
export type { FetchInput, GroupDispatcher, OfUndici } from './group/fetch-types.js'
export { UplinkGroup } from './group/group.js'
export type { GroupOptions } from './group/options.js'
export type { PickedUplink } from './group/picked-uplink.js'
export type { Failback, PolicyName } from './group/policies.js'
export type { RaceDelay } from './group/race.js'
export { splitHostPort } from './host-port.js'
export { type InspectLineOptions, inspectLine, type LineReport } from './line/inspect-line.js'
export type { LineMtu } from './line/mtu.js'
export { type DiscoverNatOptions, discoverNat, type NatFound, type NatResult, type NatUnknown } from './line/nat.js'
export { type MeasureRateOptions, measureRate } from './line/rate/measure-rate.js'
export type { RateDirection, RateFound, RateLimit, RateResult, RateUnknown } from './line/rate/rate-result.js'
export { type LineServer, type ServeLineOptions, serveLine } from './line/serve-line.js'
export type { LineVerdict } from './line/verdict.js'
export type { ForceOptions } from './monitor/force-options.js'
export { instrument, type MeterProviderLike, type OfOpenTelemetry } from './monitor/instrument.js'
export { UplinkMonitor } from './monitor/monitor.js'
export type {
  CheckRules,
  DnsCheck,
  HttpCheck,
  MeteredOptions,
  MonitorOptions,
  PingCheck,
  TcpCheck,
  UplinkCheck,
  UplinkOptions,
} from './monitor/options.js'
export type { Streamed } from './monitor/record/event-buffer.js'
export type {
  CheckEvent,
  ConfigureEvent,
  Forced,
  HookEvent,
  MeteredReport,
  MonitorEvents,
  MonitorSnapshot,
  StateEvent,
  UplinkSnapshot,
  WarningEvent,
} from './monitor/record/event-types.js'
export type { CheckStatistics } from './monitor/state/check-record.js'
export type { DampingOptions } from './monitor/state/damping.js'
export type { LatencyStatistics } from './monitor/state/latencies.js'
export type { Band } from './monitor/state/quality.js'
export type { UplinkState } from './monitor/state/state-machine.js'
export type { CommonOptions, PathOptions } from './options.js'
export { type CreateLookupOptions, createLookup, type LookupFunction } from './protocols/dns/lookup.js'
export type {
  AddressType,
  CaaData,
  DnskeyData,
  DnsRecord,
  DsData,
  MxData,
  NaptrData,
  RecordData,
  RecordType,
  ResolvedAddress,
  SoaData,
  SrvData,
  SshfpData,
  TlsaData,
} from './protocols/dns/records.js'
export { type ResolveOptions, resolve } from './protocols/dns/resolve.js'
export type { SvcbData } from './protocols/dns/service-binding.js'
export { HttpAgent, HttpsAgent } from './protocols/http/agent.js'
export type { HttpAgentOptions, HttpsAgentOptions } from './protocols/http/agent-options.js'
export * as icmp from './protocols/icmp/packet/codec.js'
export type { IcmpExtension, MplsLabel } from './protocols/icmp/packet/extensions.js'
export type {
  DecodedMessage,
  EchoMessage,
  IcmpMessage,
  OtherMessage,
  PacketTooBigMessage,
  ParameterProblemMessage,
  PseudoHeader,
  RedirectMessage4,
  RedirectMessage6,
  TimeExceededMessage,
  TimestampMessage,
  UnreachableMessage,
} from './protocols/icmp/packet/message.js'
export type { QuotedPacket } from './protocols/icmp/packet/quoted-packet.js'
export { ping } from './protocols/icmp/ping.js'
export type { PingOptions } from './protocols/icmp/ping-options.js'
export { type PingSeries, type PingsOptions, pings } from './protocols/icmp/pings.js'
export type {
  PingFields,
  PingRejected,
  PingReply,
  PingResult,
  PingSendFailed,
  PingTimeout,
  PingTooBig,
} from './protocols/icmp/result.js'
export {
  type IcmpSocket,
  type IcmpSocketEvents,
  type OpenIcmpOptions,
  openIcmp,
} from './protocols/icmp/socket/icmp-socket.js'
export type { IcmpKind } from './protocols/icmp/socket/open-icmp-descriptor.js'
export type { MessageInfo } from './protocols/icmp/socket/received-message.js'
export { type Sweep, type SweepOptions, type SweepProgress, sweep } from './protocols/icmp/sweep/sweep.js'
export {
  type PathMtu,
  type PathMtuFacts,
  type PathMtuFound,
  type PathMtuOptions,
  type PathMtuUnknown,
  pathMtu,
} from './protocols/path-mtu/path-mtu.js'
export type { PathMtuMethod } from './protocols/path-mtu/search.js'
export type { NatBehaviour, NatVerdict } from './protocols/stun/behaviour.js'
export type { Targets } from './protocols/targets/target-source.js'
export type { CertificateFacts } from './protocols/tcp/certificate.js'
export { connect } from './protocols/tcp/connect.js'
export { type ConnectTlsOptions, connectTls } from './protocols/tcp/connect-tls.js'
export type { ConnectOptions } from './protocols/tcp/dial.js'
export type { KeepAlive } from './protocols/tcp/keep-alive.js'
export { type ListenOptions, listen } from './protocols/tcp/listen.js'
export { type MultipathInfo, multipathInfo, type Subflow } from './protocols/tcp/multipath/info.js'
export type { MultipathDevice, MultipathFallback, MultipathOptions } from './protocols/tcp/multipath/options.js'
export type { TlsOptions } from './protocols/tcp/tls-options.js'
export type { Hop } from './protocols/traceroute/hop.js'
export type { TracerouteMethod, TracerouteOptions } from './protocols/traceroute/options.js'
export type { FlowStatistics, HopStatistics, RouteStatistics } from './protocols/traceroute/route-statistics.js'
export { traceroute } from './protocols/traceroute/traceroute.js'
export { type RouteSeries, type TraceroutesOptions, traceroutes } from './protocols/traceroute/traceroutes.js'
export { openUdp } from './protocols/udp/open-udp.js'
export { openUdpPackets } from './protocols/udp/open-udp-packets.js'
export type { OpenUdpOptions } from './protocols/udp/udp-descriptor.js'
export type { UdpMessageInfo, UdpPacketSocket, UdpPacketSocketEvents } from './protocols/udp/udp-packet-socket.js'
export { type ListeningProxy as Proxy, listenProxy } from './proxy/listen-proxy.js'
export type { ProxyAccess, ProxyOptions } from './proxy/options.js'
export type { ProxyStatistics, ProxyUplinkStatistics } from './proxy/statistics.js'
export type { UpstreamProxy } from './proxy/upstream.js'
export type {
  DefaultRouteSnapshot,
  RoutedUplinkSnapshot,
  RoutingChange,
  RoutingEvents,
  RoutingSnapshot,
  RoutingWarning,
} from './routing/event-types.js'
export type { RoutingOptions } from './routing/options.js'
export { UplinkRouting } from './routing/routing.js'
export type { PortList } from './scan/port-list.js'
export type { PortResult, PortScan, PortState, ScanProgress } from './scan/port-scan.js'
export type { PortSweep, PortSweepProgress, PortSweepResult } from './scan/port-sweep.js'
export { type ScanOptions, scanPorts } from './scan/scan-ports.js'
export { sweepPorts } from './scan/sweep-ports.js'
export type { SocketOptions, TcpSocketOptions } from './sockets/socket-options.js'
export { type TcpInfo, tcpInfo } from './sockets/tcp-info.js'
export type { PingStatistics } from './stats.js'
export type { Device } from './system/devices/device.js'
export { type DevicesOptions, device, deviceAddress, devices } from './system/devices/devices.js'
export { type Neighbour, type NeighboursOptions, neighbours } from './system/devices/neighbours.js'
export { type DeviceEvent, type DeviceResync, type DeviceWatch, watchDevices } from './system/devices/watch.js'
export type { AddressChange, LinkChange, LinkState, RouteChange } from './system/netlink/changes.js'
export type { DeviceCounters, Link } from './system/netlink/link.js'
export type { AddressScope, DeviceAddress } from './system/netlink/link-address.js'
export type { NeighbourState } from './system/netlink/neighbour.js'
export type { Route, RouteHop, RouteType } from './system/netlink/route.js'
export { type Privilege, type Privileges, privileges } from './system/privileges/privileges.js'
export { type Via, via } from './via.js'
