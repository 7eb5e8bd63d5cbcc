// Loaded by every Node.js that tests start under a sanitizer. Only Node.js may run with the sanitizer's library: nginx, ip and browsers
// fail or take minutes. So this removes the library from the environment, and points process.execPath to a Node.js that adds it again.
delete process.env.LD_PRELOAD
process.execPath = process.env.SANITIZED_NODE
