// A thread that holds no data: it waits in epoll and says which descriptors are ready. All reading, sending and closing
// is done on the JavaScript thread.
#pragma once

#include <napi.h>
#include <pthread.h>
#include <stdint.h>

class Poller {
 public:
  // `ready(count)` is called with [token, events] pairs in `pairs`. 0 or a negative errno.
  int Start(Napi::Env env, Napi::Function ready, Napi::Value pairs);
  void Stop();

  int Watch(int fd, int32_t token, uint32_t events);
  int Unwatch(int fd);
  void KeepAlive(Napi::Env env, bool yes);

 private:
  static constexpr int kEvents = 64;
  struct Batch {
    int count;
    int32_t pairs[kEvents * 2];
  };

  static void* Run(void* self);
  static void Deliver(Napi::Env env, Napi::Function ready, Poller* self, Batch* batch);
  using Callback = Napi::TypedThreadSafeFunction<Poller, Batch, Deliver>;

  void Wait();

  int epoll_ = -1;
  int wake_ = -1;
  bool running_ = false;
  pthread_t thread_{};
  Callback callback_;
  Napi::Reference<Napi::Value> pairs_;
};
