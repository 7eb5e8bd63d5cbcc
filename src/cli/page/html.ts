type Attributes = Record<string, string>

/** Makes an element. Text is inserted as text, never as markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/** The element of the page with this id. */
export function part(id: string): HTMLElement {
  return document.getElementById(id)!
}

/** Changes the text only if it differs, so that selections and screen readers aren't disturbed. */
export function say(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text
}
