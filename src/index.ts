export { checkDns, type DnsCheckOptions, type DnsCheckResult } from './checks/check-dns.js'
export { checkHttp } from './checks/check-http.js'
export { checkPing, type PingCheckOptions, type PingCheckResult } from './checks/check-ping.js'
export { checkTcp, type TcpCheckOptions, type TcpCheckResult } from './checks/check-tcp.js'
export type { HttpCheckOptions, HttpCheckTlsOptions } from './checks/http-options.js'
export type { CertificateFacts, HttpCheckResult, HttpTimings } from './checks/http-result.js'
export type { PortList } from './checks/scan/port-list.js'
export type { PortResult, PortScan, PortState, ScanProgress } from './checks/scan/port-scan.js'
export { type ScanOptions, scanPorts } from './checks/scan-ports.js'
export { joinHostPort, NetviaError, type NetviaErrorDetails, type OptionPath } from './errors.js'
export type { DampingOptions } from './monitor/damping.js'
export type { Streamed } from './monitor/event-buffer.js'
export type { FetchInput, GroupDispatcher, OfUndici } from './monitor/fetch-types.js'
export {
  type GroupConnectOptions,
  type GroupFetchInit,
  type GroupOptions,
  type GroupResolveOptions,
  type PickedUplink,
  UplinkGroup,
} from './monitor/group.js'
export { type MonitorEvents, UplinkMonitor } from './monitor/monitor.js'
export type {
  DnsCheck,
  HttpCheck,
  MonitorOptions,
  PingCheck,
  TcpCheck,
  UplinkCheck,
  UplinkOptions,
} from './monitor/options.js'
export type { PolicyName } from './monitor/policies.js'
export type { Band } from './monitor/quality.js'
export type {
  CheckEvent,
  ConfigureEvent,
  MonitorSnapshot,
  StateEvent,
  UplinkSnapshot,
  WarningEvent,
} from './monitor/reports.js'
export type { UplinkState } from './monitor/state-machine.js'
export type { CommonOptions, PathOptions } from './options.js'
export type { Device } from './protocols/devices/device.js'
export { type DevicesOptions, device, deviceAddress, devices } from './protocols/devices/devices.js'
export { type DeviceEvent, type DeviceResync, type DeviceWatch, watchDevices } from './protocols/devices/watch.js'
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
export { HttpAgent, HttpsAgent } from './protocols/http/agent.js'
export type { HttpAgentOptions, HttpsAgentOptions } from './protocols/http/agent-options.js'
export * as icmp from './protocols/icmp/codec.js'
export type { IcmpExtension, MplsLabel } from './protocols/icmp/extensions.js'
export { type IcmpSocket, type IcmpSocketEvents, type OpenIcmpOptions, openIcmp } from './protocols/icmp/icmp-socket.js'
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
} from './protocols/icmp/message.js'
export type { IcmpKind } from './protocols/icmp/open-icmp-descriptor.js'
export { ping } from './protocols/icmp/ping.js'
export type { PingOptions } from './protocols/icmp/ping-options.js'
export { type PingSeries, type PingsOptions, pings } from './protocols/icmp/pings.js'
export type { QuotedPacket } from './protocols/icmp/quoted-packet.js'
export type { MessageInfo } from './protocols/icmp/received-message.js'
export type {
  PingFields,
  PingRejected,
  PingReply,
  PingResult,
  PingSendFailed,
  PingTimeout,
  PingTooBig,
} from './protocols/icmp/result.js'
export { type Sweep, type SweepOptions, type SweepProgress, sweep } from './protocols/icmp/sweep/sweep.js'
export type { Targets } from './protocols/icmp/sweep/target-source.js'
export type { AddressChange, LinkChange, LinkState, RouteChange } from './protocols/netlink/changes.js'
export type { DeviceCounters, Link } from './protocols/netlink/link.js'
export type { AddressScope, DeviceAddress } from './protocols/netlink/link-address.js'
export type { Route, RouteHop, RouteType } from './protocols/netlink/route.js'
export { type PathMtu, type PathMtuOptions, pathMtu } from './protocols/path-mtu.js'
export type { PathMtuMethod } from './protocols/path-mtu-search.js'
export { type Privilege, type Privileges, privileges } from './protocols/privileges.js'
export { connect } from './protocols/tcp/connect.js'
export { type ConnectTlsOptions, connectTls } from './protocols/tcp/connect-tls.js'
export type { ConnectOptions } from './protocols/tcp/dial.js'
export { type ListenOptions, listen } from './protocols/tcp/listen.js'
export type { TlsOptions } from './protocols/tcp/tls-options.js'
export type { Hop } from './protocols/traceroute/hop.js'
export type { TracerouteMethod, TracerouteOptions } from './protocols/traceroute/options.js'
export { traceroute } from './protocols/traceroute/traceroute.js'
export { type OpenUdpOptions, openUdp } from './protocols/udp.js'
export { type TcpInfo, tcpInfo } from './sockets/tcp-info.js'
export type { PingStatistics } from './stats.js'
export { type Via, via } from './via.js'
