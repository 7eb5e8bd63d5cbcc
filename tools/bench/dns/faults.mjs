// The cases that tools/bench/dns/run.mjs measures: for each fault, the name servers of resolv.conf in order. Nothing listens on the
// address of a server without a behaviour.
const refusals = { FORMERR: 1, SERVFAIL: 2, NOTIMP: 4, REFUSED: 5 }

const kinds = [
  ['none: a good server', ['good']],
  ['the first server is silent', ['silent'], ['good']],
  ['the first two servers are silent', ['silent'], ['silent'], ['good']],
  ['the first datagram is lost', ['lossy']],
  ['the first server takes 1.5 s, the others are silent', ['slow'], ['silent'], ['silent']],
  ["the first server's port is closed", undefined, ['good']],
  ...Object.entries(refusals).map(([name, rcode]) => [`the first server says ${name}`, ['refuse', rcode], ['good']]),
  ['the first server says REFUSED in a bare header', ['header', 5], ['good']],
  ['the first server is `fe80::1%usb9`, without that device', 'fe80::1%usb9', ['good']],
  ['the server drops EDNS', ['dropsEdns']],
  ['the server answers EDNS with FORMERR, without OPT', ['formerrEdns']],
  ['the server puts the answer into the wrong section with EDNS', ['misplaces']],
  ['the server drops AAAA', ['dropsAaaa']],
  ['the server cuts off every UDP answer', ['cutsOff']],
]

export const faults = kinds.map(([title, ...servers], kind) => ({
  title,
  servers: servers.map((behaviour, index) =>
    typeof behaviour === 'string' ? { address: behaviour } : { address: `127.1.${kind}.${index + 1}`, behaviour },
  ),
}))
