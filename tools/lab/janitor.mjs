// Removes a laboratory once its maker is gone: the maker holds the other end of our standard input.
import { removeLab } from './namespaces.mjs'

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.stdin.on('end', () => removeLab(process.argv[2])).resume()
