interface Branch {
  flows: number[]
  next: Map<string, Branch>
}

/** Routes as a tree: what they share is drawn once. Each is the hops of one flow, numbered from 1. */
export function tree(routes: readonly (readonly string[])[]): string[] {
  const root: Branch = { flows: [], next: new Map() }
  for (const [index, hops] of routes.entries()) {
    let branch = root
    for (const hop of hops) {
      const next = branch.next.get(hop) ?? { flows: [], next: new Map() }
      branch.next.set(hop, next)
      branch = next
    }
    branch.flows.push(index + 1)
  }
  return draw(root, '')
}

/** A hop with one successor goes straight on, without an indent. */
function draw({ next }: Branch, margin: string): string[] {
  const forks = next.size > 1
  return [...next].flatMap(([hop, branch], index) => {
    const isLast = index === next.size - 1
    const { flows } = branch
    const ends = flows.length ? `  flow${flows.length > 1 ? 's' : ''} ${flows.join(', ')}` : ''
    const line = `${margin}${forks ? (isLast ? '└─ ' : '├─ ') : ''}${hop}${ends}`
    return [line, ...draw(branch, forks ? `${margin}${isLast ? '   ' : '│  '}` : margin)]
  })
}
