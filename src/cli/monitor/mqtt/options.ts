import { hostname } from 'node:os'
import { errorAt, invalidArgument, NetviaError } from '../../../errors.js'
import {
  type Check,
  checkOptions,
  deviceName,
  longestTimer,
  milliseconds,
  number,
  type Schema,
  string,
  systemText,
} from '../../../options.js'

/** The broker for Home Assistant, as configured in the file. */
export interface MqttOptions {
  /** `mqtt://broker.example.net` or `mqtts://…`, with a port if it isn't 1883 or 8883. */
  url: string
  /** Default: none, and no password. */
  username?: string
  /** A file with the password in its first line. Read again for each connection. */
  passwordFile?: string
  /** PEM of the authorities that may have signed the broker's certificate. Default: those that Node trusts. */
  caFile?: string
  /** The device to the broker, such as the LAN's, or `lo`. Default: that of the uplink which new connections take. */
  device?: string
  /** Distinguishes this monitor from all others at the broker. Default: made from the name of the host. */
  instance?: string
  /** The beginning of the state topics. Default `netvia`. */
  topic?: string
  /** As set in Home Assistant. Default `homeassistant`. */
  discoveryPrefix?: string
  /** Where Home Assistant says `online`. Default `homeassistant/status`. */
  birthTopic?: string
  /** Milliseconds between two publications of numbers. Default 30000. */
  interval?: number
  /** Milliseconds that one attempt to connect may take. Default 10000. */
  timeout?: number
}

/** The options with all defaults filled in. */
export interface MqttSettings {
  host: string
  port: number
  secure: boolean
  username: string | undefined
  passwordFile: string | undefined
  caFile: string | undefined
  device: string | undefined
  instance: string
  topic: string
  discoveryPrefix: string
  birthTopic: string
  interval: number
  timeout: number
}

const brokerAddress: Check = (value, name) => {
  // The message omits the value, which may contain a secret.
  const wrong = (expected: string) => new NetviaError(`${name} must be ${expected}`, { code: 'ERR_INVALID_ARG_VALUE' })
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  if (!url || !/^mqtts?:$/.test(url.protocol) || url.hostname === '') throw wrong('an mqtt or mqtts URL')
  const { username, password, pathname, search, hash } = url
  if (username || password) throw wrong('a URL without user and password: use username and passwordFile')
  if (/[^/]/.test(pathname) || search || hash) throw wrong('a URL of a host and a port alone')
  return url.href
}

/** A topic to publish, or the beginning of one: not empty, without wildcards, and not one of the broker's own. */
const topicName: Check = (value, name) => {
  if (typeof value === 'string' && /^[^$/+#\0][^+#\0]*$/.test(value) && !value.endsWith('/')) return value
  throw invalidArgument(name, value, 'a topic without "+", "#" and a "/" at its ends')
}

/** The only characters that Home Assistant accepts in a discovery topic. */
const identifier: Check = (value, name) => {
  if (typeof value === 'string' && /^[\w-]+$/.test(value)) return value
  throw invalidArgument(name, value, 'of letters, digits, "-" and "_"')
}

const schema = {
  url: brokerAddress,
  username: string,
  passwordFile: systemText,
  caFile: systemText,
  device: deviceName,
  instance: identifier,
  topic: topicName,
  discoveryPrefix: topicName,
  birthTopic: topicName,
  interval: number(100, longestTimer),
  timeout: milliseconds,
} satisfies Schema

/**
 * Checks the settings of the file, and fills in the defaults.
 *
 * @throws NetviaError `ERR_INVALID_ARG_VALUE`.
 */
export function mqttSettings(given: MqttOptions): MqttSettings {
  const options = checkOptions('mqtt', given, schema, ['url'])
  const url = new URL(options.url)
  const secure = url.protocol === 'mqtts:'
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (options.passwordFile !== undefined && options.username === undefined)
    throw misfit('passwordFile', 'left out without username')
  if (options.caFile !== undefined && !secure) throw misfit('caFile', 'left out with an mqtt URL, which has no TLS')
  if (options.device === undefined && /^(localhost|127\..*|::1)$/i.test(host))
    throw misfit('url', 'of another machine; with device: lo it may be this one')
  return {
    host,
    port: Number(url.port || (secure ? 8883 : 1883)),
    secure,
    username: options.username,
    passwordFile: options.passwordFile,
    caFile: options.caFile,
    device: options.device,
    instance: options.instance ?? (hostname().replace(/[^\w-]/g, '-') || 'router'),
    topic: options.topic ?? 'netvia',
    discoveryPrefix: options.discoveryPrefix ?? 'homeassistant',
    birthTopic: options.birthTopic ?? 'homeassistant/status',
    interval: options.interval ?? 30_000,
    timeout: options.timeout ?? 10_000,
  }
}

function misfit(option: string, expected: string): unknown {
  return errorAt(option, new NetviaError(`mqtt: ${option} must be ${expected}`, { code: 'ERR_INVALID_ARG_VALUE' }))
}
