import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A certificate with its key, both in PEM, and their files, which exist until the test ends. */
export interface MadeCertificate {
  cert: string
  key: string
  certFile: string
  keyFile: string
}

/** Without a `signer` it is self-signed. `extensions` are lines of an openssl section. Times are `YYYYMMDDHHMMSSZ`. */
export interface CertificateWish {
  subject: string
  extensions?: string
  from?: string
  to?: string
  signer?: MadeCertificate
}

/** Creates a certificate with openssl, which accepts values that no CA would sign. */
export function makeCertificate({
  subject,
  extensions = '',
  from = '20200101000000Z',
  to = '21200101000000Z',
  signer,
}: CertificateWish): MadeCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'netvia-certificate-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const at = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  writeFileSync(at('index'), '')
  writeFileSync(
    at('conf'),
    `[ca]
default_ca = it
[it]
database = ${at('index')}
new_certs_dir = ${folder}
rand_serial = yes
default_md = sha256
policy = any
preserve = yes
unique_subject = no
[any]
commonName = optional
organizationName = optional
[req]
distinguished_name = names
[names]
[wanted]
${extensions}
`,
  )
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', at('key'))
  openssl('req', '-new', '-config', at('conf'), '-key', at('key'), '-subj', subject, '-out', at('request'))
  const by = signer ? ['-cert', signer.certFile, '-keyfile', signer.keyFile] : ['-selfsign', '-keyfile', at('key')]
  const times = ['-startdate', from, '-enddate', to]
  const out = ['-in', at('request'), '-out', at('cert'), '-extensions', 'wanted']
  openssl('ca', '-batch', '-notext', '-config', at('conf'), ...out, ...times, ...by)
  const [certFile, keyFile] = [at('cert'), at('key')]
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), certFile, keyFile }
}

/** Runs `openssl s_server` as a web server on 127.0.0.1 until the test ends. Resolves with the port. */
export async function opensslServer({ certFile, keyFile }: MadeCertificate, ...args: string[]): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  const files = ['-cert', certFile, '-key', keyFile]
  const child = spawn('openssl', ['s_server', '-accept', `127.0.0.1:${port}`, '-www', ...files, ...args])
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stderr.resume()
  for await (const text of child.stdout) if (String(text).includes('ACCEPT')) break
  return port
}
