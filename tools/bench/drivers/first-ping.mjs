// From nothing to the first answer: import and one ping of loopback.
import { ping } from 'netvia'

const { alive } = await ping('127.0.0.1')
process.exitCode = alive ? 0 : 1
