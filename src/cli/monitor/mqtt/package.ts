import { createRequire } from 'node:module'
import type * as Mqtt from 'mqtt'
import { NetviaError } from '../../../errors.js'

/**
 * Loads the package mqtt. It is an optional peer, because bundling it would make the command larger for everybody.
 *
 * @throws NetviaError `ERR_MQTT_NOT_FOUND`.
 */
export function mqttPackage(): typeof Mqtt {
  try {
    return createRequire(import.meta.url)('mqtt')
  } catch (cause) {
    const hint = 'install it where netvia is: npm install mqtt@5'
    const message = `mqtt needs the package mqtt, and it can't be loaded; ${hint}`
    throw new NetviaError(message, { code: 'ERR_MQTT_NOT_FOUND', hint, cause })
  }
}
