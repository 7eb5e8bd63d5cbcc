/** The order and the names of Go's `pkix.Name.String` (RFC 2253). */
const order = ['serialNumber', 'CN', 'postalCode', 'street', 'ST', 'L', 'OU', 'O', 'C']
const names: Record<string, string> = { serialNumber: 'SERIALNUMBER', postalCode: 'POSTALCODE', street: 'STREET' }

/** Writes a distinguished name like Go. Node returns one line for each attribute. */
export function distinguishedName(lines: string | undefined): string {
  const values = new Map<string, string[]>()
  for (const part of (lines ?? '').split(/\n/)) {
    const [, type, value] = /^([^=]+)=(.*)$/s.exec(part) ?? []
    if (type !== undefined) values.set(type, [...(values.get(type) ?? []), value!])
  }
  const known = order.filter(type => values.has(type))
  const others = [...values.keys()].filter(type => !order.includes(type))
  return [...others, ...known]
    .map(type =>
      values
        .get(type)!
        .map(value => `${names[type] ?? type}=${value}`)
        .join('+'),
    )
    .join(',')
}
