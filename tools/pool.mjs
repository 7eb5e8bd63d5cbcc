/** Calls `action(index)` `count` times, with at most `atOnce` calls pending at any time. */
export async function pool(count, atOnce, action) {
  let next = 0
  const worker = async () => {
    while (next < count) await action(next++)
  }
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, worker))
}
