import { createHash } from 'node:crypto'
import type { UplinkSnapshot } from '../../../monitor/record/event-types.js'
import type { MqttSettings } from './options.js'

/** Payloads by topic. */
export type Messages = Map<string, string>

const none = 'none'

export function availabilityTopic({ topic, instance }: MqttSettings): string {
  return `${topic}/${instance}/availability`
}

/** The discovery topics of this instance, as a subscription. */
export function ownDiscovery({ discoveryPrefix, instance }: MqttSettings): string {
  return `${discoveryPrefix}/+/netvia-${instance}/+/config`
}

/** Whether the broker was asked for this topic by `ownDiscovery`. */
export function isOwnDiscovery(topic: string, settings: MqttSettings): boolean {
  const [before, after] = ownDiscovery(settings).split(`/+/netvia-${settings.instance}/+/`) as [string, string]
  if (!topic.startsWith(`${before}/`)) return false
  const [, node, , last, ...more] = topic.slice(before.length + 1).split('/')
  return node === `netvia-${settings.instance}` && last === after && more.length === 0
}

/** What Home Assistant shows: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery. */
export function discoveryMessages(settings: MqttSettings, version: string, uplinks: UplinkSnapshot[]): Messages {
  const { discoveryPrefix, instance } = settings
  const node = `netvia-${instance}`
  const common = {
    availability_topic: availabilityTopic(settings),
    device: {
      identifiers: [node],
      name: instance,
      manufacturer: 'netvia',
      model: 'Uplink monitor',
      sw_version: version,
    },
    origin: { name: 'netvia', sw_version: version },
  }
  const messages: Messages = new Map()
  const add = (component: string, id: string, entity: Record<string, unknown>) => {
    const payload = { ...entity, unique_id: `${node}-${id}`, ...common }
    messages.set(`${discoveryPrefix}/${component}/${node}/${id}/config`, JSON.stringify(payload))
  }
  for (const { name } of uplinks) {
    const id = idOf(name)
    const state_topic = uplinkTopic(settings, name)
    add('binary_sensor', id, {
      name,
      device_class: 'connectivity',
      state_topic,
      value_template: "{{ {'up': 'ON', 'degraded': 'ON', 'down': 'OFF'}.get(value_json.state) }}",
      json_attributes_topic: state_topic,
      json_attributes_template:
        "{{ {'device': value_json.device, 'reason': value_json.reason, 'since': value_json.since, " +
        "'forced': value_json.forced} | tojson }}",
    })
    add('sensor', `${id}_state`, {
      name: `${name} state`,
      device_class: 'enum',
      options: ['up', 'degraded', 'down'],
      state_topic,
      value_template: "{{ none if value_json.state == 'unknown' else value_json.state }}",
    })
    add('sensor', `${id}_latency`, {
      name: `${name} latency`,
      device_class: 'duration',
      state_class: 'measurement',
      unit_of_measurement: 'ms',
      suggested_display_precision: 1,
      state_topic,
      value_template: '{{ value_json.latencyMs }}',
    })
    add('sensor', `${id}_loss`, {
      name: `${name} loss`,
      state_class: 'measurement',
      unit_of_measurement: '%',
      suggested_display_precision: 1,
      state_topic,
      value_template: '{{ value_json.lossPercent }}',
    })
  }
  add('sensor', 'active_uplink', {
    name: 'Active uplink',
    icon: 'mdi:router-network',
    device_class: 'enum',
    options: [...new Set([...uplinks.map(({ name }) => name), none])],
    state_topic: activeTopic(settings),
  })
  return messages
}

/** The current states. `inUse` is the uplink that new connections take. */
export function stateMessages(settings: MqttSettings, uplinks: UplinkSnapshot[], inUse: string | null): Messages {
  const messages: Messages = new Map()
  for (const { name, state, reason, since, device, forced, latencyMs, lossRatio } of uplinks) {
    const payload = {
      ...{ state, reason, since: new Date(since).toISOString(), device, forced: forced !== null },
      latencyMs: rounded(latencyMs),
      lossPercent: rounded(lossRatio === null ? null : 100 * lossRatio),
    }
    messages.set(uplinkTopic(settings, name), JSON.stringify(payload))
  }
  return messages.set(activeTopic(settings), inUse ?? none)
}

/** The state topic of an entity that an earlier run announced, if it belongs to this instance. */
export function stateTopicIn(payload: string, { topic, instance }: MqttSettings): string | undefined {
  try {
    const { state_topic: found } = JSON.parse(payload)
    return typeof found === 'string' && found.startsWith(`${topic}/${instance}/`) ? found : undefined
  } catch {
    return undefined
  }
}

function activeTopic({ topic, instance }: MqttSettings): string {
  return `${topic}/${instance}/active`
}

function uplinkTopic({ topic, instance }: MqttSettings, name: string): string {
  return `${topic}/${instance}/uplink/${idOf(name)}`
}

/** A unique text for each name, valid in MQTT topics and in Home Assistant's identifiers. */
function idOf(name: string): string {
  const id = name.replace(/[^\w-]/g, '_')
  return id === name ? id : `${id}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(100 * value) / 100
}
