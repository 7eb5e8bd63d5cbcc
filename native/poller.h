// A thread that holds no data: it waits in epoll and reports which descriptors are ready. All reading, sending and closing
// is done on the JavaScript thread.
#pragma once

#include <napi.h>
#include <pthread.h>
#include <stdint.h>

#include "owned.h"

class Poller {
 public:
  // The most events of one report.
  static constexpr int kEvents = 64;

  // `ready(count)` is called with [token, events] pairs in `pairs`. 0 or a negative errno.
  int Start(Napi::Env env, Napi::Function ready, Napi::Value pairs);
  void Stop();

  int Watch(int fd, int32_t token, uint32_t events);
  int Unwatch(int fd);
  void KeepAlive(Napi::Env env, bool yes);

 private:
  struct Batch {
    int count;
    int32_t pairs[kEvents * 2];
  };

  static void* Run(void* self);
  static void Deliver(Napi::Env env, Napi::Function ready, Poller* self, Batch* batch);
  using Callback = Napi::TypedThreadSafeFunction<Poller, Batch, Deliver>;

  int StartThread(Napi::Env env, Napi::Function ready, Napi::Value pairs);
  void Wait();

  Descriptor epoll_;
  Descriptor wake_;
  bool running_ = false;
  pthread_t thread_{};
  Callback callback_;
  Napi::Reference<Napi::Value> pairs_;
};
