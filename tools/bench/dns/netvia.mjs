// Prints how long a lookup took in this process, in milliseconds, or null without an answer. An earlier query to a good server
// loads the code, so loading isn't measured.
import { createLookup, resolve } from '../../../dist/index.js'

const lookUp = createLookup()
const address = name => new Promise((done, fail) => lookUp(name, (error, found) => (error ? fail(error) : done(found))))

await resolve('first.test', { family: 4, servers: ['127.1.0.1'] })
const start = performance.now()
const found = await address(process.argv[2]).catch(() => undefined)
console.log(found === '192.0.2.1' ? performance.now() - start : null)
