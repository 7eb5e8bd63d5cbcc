// Removes a laboratory when the process that created it ends. That process holds the other end of our standard input.
import { removeLab } from './namespaces.mjs'

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.stdin.on('end', () => removeLab(process.argv[2])).resume()
