// From process start to the first reply: imports netvia and pings loopback once.
import { ping } from 'netvia'

const { alive } = await ping('127.0.0.1')
process.exitCode = alive ? 0 : 1
