const ctrlC = '\x03'

/** Single keys from the terminal, until the returned function is called. Ctrl-C is SIGINT, as ever. */
export function onKeys(press: (key: string) => void): () => void {
  const { stdin } = process
  if (!stdin.isTTY) return () => {}
  const read = (text: string) => {
    for (const key of text) {
      if (key === ctrlC) process.kill(process.pid, 'SIGINT')
      else press(key)
    }
  }
  stdin.setRawMode(true).setEncoding('utf8').on('data', read).resume()
  return () => {
    stdin.off('data', read).pause()
    stdin.setRawMode(false)
  }
}
