// A TCP client: sends what you type, line by line, and prints the answers.
// tcp-client.ts [host] [port] [device]
import { createInterface } from 'node:readline/promises'
import { connect } from 'netvia'

const [host = 'localhost', port = '8080', device] = process.argv.slice(2)
const connection = await connect({ host, port: Number(port), device })
console.log('Connected to server')

const answers = createInterface({ input: connection })[Symbol.asyncIterator]()
const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: 'Enter message: ' })
connection.on('error', error => console.log(error.message))
connection.on('close', () => terminal.close())
let typing = true
terminal.on('close', () => {
  typing = false
})

terminal.prompt()
for await (const message of terminal) {
  connection.write(`${message}\n`)
  const { value, done } = await answers.next().catch(() => ({ value: '', done: true })) // its error is told above
  if (done) break
  console.log(`Server: ${value}`)
  if (typing) terminal.prompt()
}
connection.end()
