// The whole addon as one translation unit: the Node-API headers, which take longer than all of it, are read once.
#include "addon.cc"
#include "arguments.cc"
#include "environment.cc"
#include "options.cc"
#include "packets.cc"
#include "poller.cc"
#include "run/call_filter.cc"
#include "run/decision.cc"
#include "run/destination.cc"
#include "run/placement.cc"
#include "run/start.cc"
#include "run/supervisor.cc"
#include "run/tracee.cc"
#include "sockets.cc"
#include "threads.cc"
#ifdef NETVIA_FAULTS
#include "faults.cc"
#endif
