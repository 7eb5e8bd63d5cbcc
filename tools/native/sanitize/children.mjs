// Loaded by every Node.js that tests start under a sanitizer. Only Node.js is to run with its library: nginx, ip or a browser do not
// bear it, or take minutes. So it is no more in the environment, and whoever starts "this Node.js" starts one that has it.
delete process.env.LD_PRELOAD
process.execPath = process.env.SANITIZED_NODE
