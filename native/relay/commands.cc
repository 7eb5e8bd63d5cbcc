// What JavaScript's thread asks of a relay.
#include <errno.h>
#include <string.h>

#include <new>

#include "../arguments.h"
#include "../environment.h"
#include "../system.h"
#include "../threads.h"
#include "relay.h"

namespace relay {
namespace {

void PutCount(uint64_t count, int32_t* out) {
  out[0] = static_cast<int32_t>(count & UINT32_MAX);
  out[1] = static_cast<int32_t>(count >> 32);
}

}  // namespace

int Relay::Start() {
  if (running_) return reports_.Get();
  epoll_ = Descriptor(sys::epoll_create1(EPOLL_CLOEXEC));
  if (epoll_) wake_ = Descriptor(sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake_) reports_ = Descriptor(sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{};
  // Edge-triggered, so that nobody needs to read it.
  event.events = EPOLLIN | EPOLLET;
  int error = !reports_ || sys::epoll_ctl(epoll_.Get(), EPOLL_CTL_ADD, wake_.Get(), &event) < 0 ? -errno : 0;
  if (error == 0) error = CreateThread(&thread_, Run, this);
  running_ = error == 0;
  if (!running_) Stop();
  return running_ ? reports_.Get() : error;
}

void Relay::Stop() {
  if (running_) {
    {
      Lock lock(lock_);
      stopping_ = true;
    }
    Signal(wake_);
    pthread_join(thread_, nullptr);
    running_ = false;
  }
  for (int id = 0; id < size_; id++) {
    if (!tunnels_[id]) continue;
    tunnels_[id]->client.Close(true);
    tunnels_[id]->upstream.Close(true);
    Free(tunnels_[id]);
  }
  free(std::exchange(tunnels_, nullptr));
  size_ = 0;
  pipes_.Clear();
  reports_.Reset();
  wake_.Reset();
  epoll_.Reset();
}

int Relay::Open(int client, int upstream, Bytes toClient, Bytes toUpstream, uint32_t idleTimeout) {
  if (!running_) return -EBADF;
  void* memory = MakeRoom() ? sys::malloc(sizeof(Tunnel)) : nullptr;
  if (!memory) return -ENOMEM;
  auto* tunnel = new (memory) Tunnel();
  tunnel->id = nextId_;
  tunnels_[tunnel->id] = tunnel;
  tunnel->idleTimeout = idleTimeout;
  if (!tunnel->receiving.Begin(toClient) || !tunnel->sending.Begin(toUpstream)) {
    Free(tunnel);
    return -ENOMEM;
  }
  tunnel->client.socket = Descriptor(client);
  tunnel->upstream.socket = Descriptor(upstream);
  tunnel->client.tunnel = tunnel->upstream.tunnel = tunnel;
  tunnel->lastMoved = Now();
  uint32_t look = tunnel->lastMoved + idleTimeout;
  // Without a lock, for which the thread would wait. It leaves a tunnel alone that it hasn't taken.
  tunnel->isCut = Follow(tunnel->upstream, EPOLL_CTL_ADD) < 0;
  if (!tunnel->isCut) {
    tunnel->receiving.SendFirst(tunnel->client);
    tunnel->sending.SendFirst(tunnel->upstream);
    // Last, as it answers within microseconds.
    tunnel->isCut = Follow(tunnel->client, EPOLL_CTL_ADD) < 0;
  }
  bool isUrgent = tunnel->HasBytes();
  int id = tunnel->id;
  {
    Lock lock(lock_);
    cutting_ |= tunnel->isCut;
    tunnel->next = incoming_;
    incoming_ = tunnel;
    bool isSooner = !looks_ || static_cast<int32_t>(look - nextLook_) < 0;
    if (isSooner) nextLook_ = look;
    looks_ = true;
    isUrgent |= std::exchange(isAwaited_, false) || tunnel->isCut || isSooner;
  }
  // Otherwise the thread takes it with its next event.
  if (isUrgent) Signal(wake_);
  return id;
}

int Relay::Cut(int id) {
  Tunnel* tunnel = Find(id);
  if (!tunnel) return -EBADF;
  {
    Lock lock(lock_);
    tunnel->isCut = cutting_ = true;
  }
  Signal(wake_);
  return 0;
}

int Relay::Counts(int id, int32_t* counts) {
  Tunnel* tunnel = Find(id);
  if (!tunnel) return -EBADF;
  Lock lock(lock_);
  PutCount(tunnel->sent, counts);
  PutCount(tunnel->received, counts + 2);
  return 0;
}

int Relay::Ended(int32_t* table, int most) {
  uint64_t signals;
  [[maybe_unused]] ssize_t taken = read(reports_.Get(), &signals, sizeof signals);
  int count = 0;
  while (count < most) {
    Tunnel* tunnel;
    {
      Lock lock(lock_);
      tunnel = ended_;
      if (tunnel) ended_ = tunnel->next;
    }
    if (!tunnel) break;
    int32_t* row = table + static_cast<size_t>(count++) * kEndFields;
    row[0] = tunnel->id;
    row[1] = tunnel->error;
    PutCount(tunnel->sent, row + 2);
    PutCount(tunnel->received, row + 4);
    Free(tunnel);
  }
  return count;
}

// For one with the id `nextId_`.
bool Relay::MakeRoom() {
  while (nextId_ < size_ && tunnels_[nextId_]) nextId_++;
  if (nextId_ < size_) return true;
  int size = size_ == 0 ? 64 : 2 * size_;
  auto* grown = static_cast<Tunnel**>(sys::realloc(tunnels_, static_cast<size_t>(size) * sizeof(Tunnel*)));
  if (!grown) return false;
  memset(grown + size_, 0, static_cast<size_t>(size - size_) * sizeof(Tunnel*));
  tunnels_ = grown;
  size_ = size;
  return true;
}

void Relay::Free(Tunnel* tunnel) {
  tunnels_[tunnel->id] = nullptr;
  if (tunnel->id < nextId_) nextId_ = tunnel->id;
  tunnel->~Tunnel();
  free(tunnel);
}

void Relay::Signal(const Descriptor& event) {
  uint64_t one = 1;
  // It fails only where the event is signalled already.
  [[maybe_unused]] ssize_t written = write(event.Get(), &one, sizeof one);
}

}  // namespace relay

static relay::Relay& RelayOf(const Arguments& arguments) { return Environment::Of(arguments.Env()).relay; }

static int RelayStart(const Arguments& arguments) { return RelayOf(arguments).Start(); }

// relayOpen(client, upstream, toClient, toUpstream, idleTimeout)
static int RelayOpen(const Arguments& arguments) {
  View<uint8_t> toClient(arguments, 2), toUpstream(arguments, 3);
  int idleTimeout = arguments.Int(4);
  // Bytes that aren't would be lost.
  if (!toClient.valid || !toUpstream.valid || idleTimeout < 1) return -EINVAL;
  Environment& environment = Environment::Of(arguments.Env());
  int ends[2];
  Descriptor copies[2];
  for (size_t i = 0; i < 2; i++) {
    ends[i] = arguments.Int(i);
    if (environment.Owns(ends[i])) continue;
    copies[i] = Descriptor(sys::duplicate(ends[i]));
    if (!copies[i]) return -errno;
    ends[i] = copies[i].Get();
  }
  int id = environment.relay.Open(ends[0], ends[1], {toClient.data, toClient.length}, {toUpstream.data, toUpstream.length},
                                  static_cast<uint32_t>(idleTimeout));
  if (id < 0) return id;
  for (size_t i = 0; i < 2; i++) {
    copies[i].Release();
    environment.Disown(ends[i]);
  }
  return id;
}

static int RelayCut(const Arguments& arguments) { return RelayOf(arguments).Cut(arguments.Int(0)); }

static int RelayCounts(const Arguments& arguments) {
  View<int32_t> out(arguments, 1);
  return out.length < 4 ? -EINVAL : RelayOf(arguments).Counts(arguments.Int(0), out.data);
}

static int RelayEnded(const Arguments& arguments) {
  View<int32_t> table(arguments, 0);
  return RelayOf(arguments).Ended(table.data, static_cast<int>(table.length / relay::Relay::kEndFields));
}

void DefineRelay(Napi::Env env, Napi::Object exports) {
  Define(env, exports,
         {
             {"relayStart", Call<RelayStart>},
             {"relayOpen", Call<RelayOpen>},
             {"relayCut", Call<RelayCut>},
             {"relayCounts", Call<RelayCounts>},
             {"relayEnded", Call<RelayEnded>},
         });
}
