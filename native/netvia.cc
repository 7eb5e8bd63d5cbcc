// The whole addon as one translation unit: the Node-API headers, which take longer than all of it, are read once.
#include "addon.cc"
#include "arguments.cc"
#include "environment.cc"
#include "options.cc"
#include "packets.cc"
#include "poller.cc"
#include "sockets.cc"
#ifdef NETVIA_FAULTS
#include "faults.cc"
#endif
