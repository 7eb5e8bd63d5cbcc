// What `netvia run` needs of the kernel: a program whose sockets a thread of this process opens, bound to a device.
#pragma once

#include <napi.h>
#include <pthread.h>

#include "../owned.h"
#include "decision.h"

namespace run {

// Answers the notifications of one filter in a thread of its own.
class Supervisor {
 public:
  // Takes the listener. 0 or a negative errno.
  int Start(Descriptor listener, bool resolvers);
  // The programs' calls fail from then on.
  void Stop();
  bool Running() const { return running_; }
  // A descriptor whose packets are a RefusalReport each; -1 if it was taken already.
  int TakeReports() { return reports_.Release(); }
  Devices& Used() { return confinement_.devices; }
  const Mark& Given() const { return confinement_.mark; }

 private:
  static void* Run(void* self);
  void Answer();
  // 1 with a call, 0 without, -1 once there will be no more.
  int Take(seccomp_notif* call, bool wait);

  Confinement confinement_;
  bool running_ = false;
  pthread_t thread_{};
  Descriptor listener_;
  Descriptor wake_;
  Descriptor reports_;
};

}  // namespace run

void DefineRun(Napi::Env env, Napi::Object exports);
