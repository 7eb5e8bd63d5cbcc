/** `count` calls of `action(index)`, `atOnce` of them pending at any time. */
export async function pool(count, atOnce, action) {
  let next = 0
  const worker = async () => {
    while (next < count) await action(next++)
  }
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, worker))
}
