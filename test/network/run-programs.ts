import { spawn } from 'node:child_process'
import { on } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { lab } from '../lab/index.js'
import { collect, command, type Ended } from '../unit/cli-process.js'

/** A prefix that runs a command as an unprivileged user. */
export const asNobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all']

export interface RunOptions {
  before?: readonly string[]
  flags?: readonly string[]
  device?: string
  /** Instead of a device. */
  config?: string
  input?: string
  env?: NodeJS.ProcessEnv
}

/** Runs a program under `netvia run`, as an unprivileged user unless `before` says otherwise. */
export function run(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = beginRun(words, options)
  child.stdin.end(options.input ?? '')
  return collect(child)
}

/** The same, but returns while the program runs, with its standard input open. */
export function beginRun(words: readonly string[], options: RunOptions = {}) {
  const { before = asNobody, flags = [], device = 'wan2', config, env = {} } = options
  const path = config === undefined ? ['-I', device] : ['-c', config]
  const [first, ...rest] = [...before, process.execPath, command, 'run', ...path, ...flags, '--', ...words]
  return spawn(first!, rest, { env: { ...process.env, LC_ALL: 'C', ...env } })
}

let files = 0

/** Writes a configuration file with a line for each uplink, and `more` options. Each uplink checks port 80 of the server. */
export function uplinks(lines: string[], ...more: string[]): string {
  const file = join(lab.folder, `run-${process.pid}-${++files}.yaml`)
  const checks = `checks: [{ type: tcp, host: ${lab.server.address4}, port: 80 }]`
  const text = lines.map(line => `  - { ${line}${line.includes('checks') ? '' : `, ${checks}`} }`)
  const down = more.some(option => option.startsWith('down')) ? [] : ['down: 2']
  const options = ['interval: 200ms', 'timeout: 500ms', 'up: 1', ...down, ...more, 'uplinks:', ...text]
  writeFileSync(file, `${options.join('\n')}\n`)
  return file
}

/** Waits until the stream contains the text. */
export async function said(stream: Readable, text: string): Promise<void> {
  let all = ''
  for await (const [chunk] of on(stream, 'data')) {
    all += chunk
    if (all.includes(text)) return
  }
}

const prelude = `
import ctypes, os, socket, struct, sys, time
c = ctypes.CDLL(None, use_errno=True)
def device(s): return s.getsockopt(1, 25, 16).split(b'\\0')[0].decode()
def udp(): return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def index(name): return struct.pack('i8x', socket.if_nametoindex(name))
def attempt(work):
  try: work()
  except OSError as error: return error.strerror
  return 'done'
`

/** A Python script with short names for sockets. */
export function python(script: string): string[] {
  return ['python3', '-c', prelude + script]
}

/** A C program that requests `/` from an address and prints the first line of the response. */
export const staticProgram = `
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int count, char** words) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
  char text[512] = "GET / HTTP/1.0\\r\\n\\r\\n";
  int s = socket(AF_INET, SOCK_STREAM, 0);
  if (count < 2 || inet_pton(AF_INET, words[1], &to.sin_addr) != 1) return 2;
  if (connect(s, (struct sockaddr*)&to, sizeof to) || write(s, text, strlen(text)) < 0 || read(s, text, sizeof text) <= 0) return 1;
  return printf("%.12s\\n", text) < 0;
}`

/** The same in Go, with `host:port` as argument. */
export const goProgram = `package main
import ("fmt"; "net"; "os")
func main() {
  to, err := net.Dial("tcp", os.Args[1])
  if err != nil { fmt.Println(err); os.Exit(1) }
  fmt.Fprint(to, "GET / HTTP/1.0\\r\\n\\r\\n")
  text := make([]byte, 12)
  if _, err = to.Read(text); err != nil { os.Exit(1) }
  fmt.Print(string(text))
}`
