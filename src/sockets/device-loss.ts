import { verifyDevice } from './open.js'

/**
 * A socket whose device is deleted goes silent for ever, without an error, even if a device of that name comes back.
 * Asks every 200 ms and tells once, as long as `isOpen`. Returns the end of the watch; the watch alone does not keep the event
 * loop alive.
 */
export function onDeviceLoss(
  fd: number,
  device: string | undefined,
  lost: (error: unknown) => void,
  isOpen: () => boolean = () => true,
): () => void {
  if (device === undefined) return () => {}
  const timer = setInterval(() => {
    if (!isOpen()) return clearInterval(timer)
    try {
      verifyDevice(fd, device)
    } catch (error) {
      clearInterval(timer)
      lost(error)
    }
  }, 200).unref()
  return () => clearInterval(timer)
}
