// Module entry. Loaded once per environment; nothing here is shared between environments.
#include <napi.h>

#include <new>

#include "environment.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment();
  env.SetInstanceData(environment);
  // A cleanup hook, not the instance's finalizer: it runs while the thread-safe function still exists.
  env.AddCleanupHook([](Environment* self) { self->Close(); }, environment);
  DefineOptions(env, exports);
  DefineSockets(env, exports);
  DefineOpen(env, exports);
  DefinePackets(env, exports);
  DefinePoller(env, exports);
  DefineRelay(env, exports);
  DefineRun(env, exports);
#ifdef NETVIA_FAULTS
  DefineFaults(env, exports);
#endif
  return exports;
}

NODE_API_MODULE(netvia, Init)
