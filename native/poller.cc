#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "environment.h"
#include "system.h"
#include "threads.h"

namespace {
constexpr uint32_t kWakeToken = 0;
constexpr unsigned kMemoryRetryMicroseconds = 1000;
}  // namespace

int Poller::Start(Napi::Env env, Napi::Function ready, Napi::Value pairs) {
  if (running_) return -EALREADY;
  epoll_ = Descriptor(sys::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return -errno;
  wake_ = Descriptor(sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeToken;
  int error = !wake_ || sys::epoll_ctl(epoll_.Get(), EPOLL_CTL_ADD, wake_.Get(), &event) < 0 ? -errno : 0;
  if (error == 0) error = StartThread(env, ready, pairs);
  if (error != 0) Stop();
  return error;
}

int Poller::StartThread(Napi::Env env, Napi::Function ready, Napi::Value pairs) {
  callback_ = Callback::New(env, ready, "netvia", 0, 1, this);
  if (napi_threadsafe_function(callback_) == nullptr) {
    // node-addon-api has thrown: the errno takes the place of that.
    napi_value thrown;
    napi_get_and_clear_last_exception(env, &thrown);
    return -ENOMEM;
  }
  callback_.Unref(env);
  pairs_ = Napi::Reference<Napi::Value>::New(pairs, 1);
  int error = CreateThread(&thread_, Run, this);
  running_ = error == 0;
  return error;
}

void Poller::Stop() {
  if (running_) {
    uint64_t one = 1;
    // An eventfd at zero takes the write.
    [[maybe_unused]] ssize_t written = write(wake_.Get(), &one, sizeof one);
    pthread_join(thread_, nullptr);
    running_ = false;
  }
  if (napi_threadsafe_function(callback_) != nullptr) {
    callback_.Abort();
    callback_ = Callback();
    pairs_.Reset();
  }
  wake_.Reset();
  epoll_.Reset();
}

int Poller::Watch(int fd, int32_t token, uint32_t events) {
  epoll_event event{};
  event.events = events | EPOLLONESHOT;
  event.data.u64 = static_cast<uint32_t>(token);
  if (sys::epoll_ctl(epoll_.Get(), EPOLL_CTL_MOD, fd, &event) == 0) return 0;
  if (errno != ENOENT) return -errno;
  return Result(sys::epoll_ctl(epoll_.Get(), EPOLL_CTL_ADD, fd, &event));
}

int Poller::Unwatch(int fd) { return Result(sys::epoll_ctl(epoll_.Get(), EPOLL_CTL_DEL, fd, nullptr)); }

void Poller::KeepAlive(Napi::Env env, bool yes) {
  if (yes) {
    callback_.Ref(env);
  } else {
    callback_.Unref(env);
  }
}

void* Poller::Run(void* self) {
  static_cast<Poller*>(self)->Wait();
  return nullptr;
}

void Poller::Wait() {
  epoll_event events[kEvents];
  for (;;) {
    // Before the wait: what is reported of a one-shot descriptor must not be lost for want of memory.
    Memory<Batch> batch(static_cast<Batch*>(sys::malloc(sizeof(Batch))));
    if (!batch) {
      usleep(kMemoryRetryMicroseconds);
      continue;
    }
    int count;
    do {
      count = sys::epoll_wait(epoll_.Get(), events, kEvents, -1);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return;
    batch->count = 0;
    for (int i = 0; i < count; i++) {
      if (events[i].data.u64 == kWakeToken) return;
      batch->pairs[2 * batch->count] = static_cast<int32_t>(events[i].data.u64);
      batch->pairs[2 * batch->count + 1] = static_cast<int32_t>(events[i].events);
      batch->count++;
    }
    if (callback_.NonBlockingCall(batch.Get()) != napi_ok) return;
    batch.Release();
  }
}

void Poller::Deliver(Napi::Env env, Napi::Function ready, Poller* self, Batch* reported) {
  Memory<Batch> batch(reported);
  // Without an environment the environment is going away: only the memory is left to give back.
  if (napi_env(env) == nullptr || self->pairs_.IsEmpty()) return;
  View<int32_t> pairs(env, self->pairs_.Value());
  if (pairs.length < sizeof batch->pairs / sizeof batch->pairs[0]) return;
  memcpy(pairs.data, batch->pairs, 2 * batch->count * sizeof batch->pairs[0]);
  // Not Function::Call: a worker that is being terminated refuses, and that is no error to throw.
  napi_value count = Number(env, batch->count);
  napi_call_function(env, env.Undefined(), ready, 1, &count, nullptr);
}

static int OnReady(const Arguments& arguments) {
  Napi::Env env = arguments.Env();
  return Environment::Of(env).poller.Start(env, Napi::Function(env, arguments[0]), Napi::Value(env, arguments[1]));
}

static int Watch(const Arguments& arguments) {
  Poller& poller = Environment::Of(arguments.Env()).poller;
  return poller.Watch(arguments.Int(0), arguments.Int(1), static_cast<uint32_t>(arguments.Int(2)));
}

static int Unwatch(const Arguments& arguments) {
  return Environment::Of(arguments.Env()).poller.Unwatch(arguments.Int(0));
}

static int KeepAlive(const Arguments& arguments) {
  Environment::Of(arguments.Env()).poller.KeepAlive(arguments.Env(), arguments.Bool(0));
  return 0;
}

void DefinePoller(Napi::Env env, Napi::Object exports) {
  Define(env, exports,
         {
             {"onReady", Call<OnReady>},
             {"watch", Call<Watch>},
             {"unwatch", Call<Unwatch>},
             {"keepAlive", Call<KeepAlive>},
         });
}
