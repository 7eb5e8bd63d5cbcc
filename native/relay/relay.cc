#include "relay.h"

#include <errno.h>

#include "../arguments.h"
#include "../clock.h"
#include "../system.h"

namespace relay {
namespace {

constexpr int kEvents = 64;
// In ms: how often memory is asked for again, and the least between two looks for idle tunnels.
constexpr int kMemoryRetry = 1;
constexpr uint32_t kIdleStep = 10;
// In ms: JavaScript hears of ends this often at most, because each report wakes two threads.
constexpr uint32_t kReportStep = 5;

uint32_t Milliseconds() {
  int32_t now[2];
  ReadClock(CLOCK_MONOTONIC, now);
  return static_cast<uint32_t>(now[0]) * 1000 + static_cast<uint32_t>(now[1]) / 1000000;
}

}  // namespace

void* Relay::Run(void* self) {
  static_cast<Relay*>(self)->Work();
  return nullptr;
}

void Relay::Work() {
  epoll_event events[kEvents];
  now_ = Milliseconds();
  for (;;) {
    int count = sys::epoll_wait(epoll_.Get(), events, kEvents, Timeout());
    if (count < 0 && errno != EINTR) return;
    now_ = Milliseconds();
    bool woken = false;
    for (int i = 0; i < count; i++) {
      auto* side = static_cast<Side*>(events[i].data.ptr);
      if (side) {
        Note(*side, events[i].events);
      } else {
        woken = true;
      }
    }
    if (woken && !TakeCommands()) return;
    EndIdle();
    MoveAll();
    Report();
  }
}

int Relay::Timeout() const {
  if (ready_) return starved_ ? kMemoryRetry : 0;
  if (isReporting_) return static_cast<int>(kReportStep);
  if (!open_) return -1;
  int32_t left = static_cast<int32_t>(idleCheck_ - now_);
  return left > 0 ? left : 0;
}

// False once the relay ends.
bool Relay::TakeCommands() {
  uint64_t count;
  [[maybe_unused]] ssize_t taken = read(wake_.Get(), &count, sizeof count);
  Tunnel* incoming;
  {
    Lock lock(lock_);
    if (stopping_) return false;
    incoming = std::exchange(incoming_, nullptr);
  }
  while (incoming) Watch(std::exchange(incoming, incoming->next));
  bool cutting;
  {
    Lock lock(lock_);
    cutting = std::exchange(cutting_, false);
    for (Tunnel* tunnel = cutting ? open_ : nullptr; tunnel; tunnel = tunnel->next) {
      if (tunnel->isCut) tunnel->error = ECONNABORTED;
    }
  }
  for (Tunnel* tunnel = cutting ? open_ : nullptr; tunnel;) {
    Tunnel* next = tunnel->next;
    if (tunnel->error != 0) Finish(tunnel, tunnel->error);
    tunnel = next;
  }
  return true;
}

void Relay::Watch(Tunnel* tunnel) {
  tunnel->previous = nullptr;
  tunnel->next = open_;
  if (open_) open_->previous = tunnel;
  uint32_t check = now_ + tunnel->idleTimeout;
  if (!open_ || static_cast<int32_t>(check - idleCheck_) < 0) idleCheck_ = check;
  open_ = tunnel;
  tunnel->lastMoved = now_;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  int error = 0;
  for (Side* side : {&tunnel->client, &tunnel->upstream}) {
    side->tunnel = tunnel;
    event.data.ptr = side;
    if (error == 0) error = Result(sys::epoll_ctl(epoll_.Get(), EPOLL_CTL_ADD, side->socket.Get(), &event));
  }
  if (error < 0) Finish(tunnel, -error);
}

void Relay::Note(Side& side, uint32_t events) {
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) side.readable = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) side.writable = true;
  if (events & EPOLLERR) side.failed = true;
  GetReady(side.tunnel);
}

void Relay::GetReady(Tunnel* tunnel) {
  if (tunnel->isReady) return;
  tunnel->isReady = true;
  tunnel->nextReady = ready_;
  ready_ = tunnel;
}

void Relay::MoveAll() {
  starved_ = false;
  for (Tunnel* tunnel = std::exchange(ready_, nullptr); tunnel;) {
    Tunnel* next = tunnel->nextReady;
    tunnel->isReady = false;
    if (!tunnel->isFinished) Move(tunnel);
    tunnel = next;
  }
}

void Relay::Move(Tunnel* tunnel) {
  Direction& sending = tunnel->sending;
  Direction& receiving = tunnel->receiving;
  int error = sending.Move(tunnel->client, tunnel->upstream, pipes_);
  if (error == 0) error = receiving.Move(tunnel->upstream, tunnel->client, pipes_);
  bool isStarved = sending.IsStarved() || receiving.IsStarved();
  if (!isStarved) tunnel->lastMoved = now_;
  {
    Lock lock(lock_);
    tunnel->sent += sending.TakeCount();
    tunnel->received += receiving.TakeCount();
  }
  bool isDone = sending.IsDone() && receiving.IsDone();
  // What it could still move has been moved.
  for (Side* side : {&tunnel->client, &tunnel->upstream}) {
    if (error == 0 && !isDone && std::exchange(side->failed, false)) error = -side->TakeError();
  }
  if (error < 0 || isDone) return Finish(tunnel, -error);
  starved_ |= isStarved;
  if (isStarved || sending.HasMore() || receiving.HasMore()) GetReady(tunnel);
}

void Relay::EndIdle() {
  if (!open_ || static_cast<int32_t>(idleCheck_ - now_) > 0) return;
  uint32_t next = INT32_MAX;
  for (Tunnel* tunnel = open_; tunnel;) {
    Tunnel* following = tunnel->next;
    uint32_t idle = now_ - tunnel->lastMoved;
    if (idle >= tunnel->idleTimeout) {
      Finish(tunnel, ETIMEDOUT);
    } else if (tunnel->idleTimeout - idle < next) {
      next = tunnel->idleTimeout - idle;
    }
    tunnel = following;
  }
  idleCheck_ = now_ + (next > kIdleStep ? next : kIdleStep);
}

void Relay::Finish(Tunnel* tunnel, int error) {
  (tunnel->previous ? tunnel->previous->next : open_) = tunnel->next;
  if (tunnel->next) tunnel->next->previous = tunnel->previous;
  tunnel->isFinished = true;
  tunnel->error = error;
  tunnel->sending.Drop(pipes_);
  tunnel->receiving.Drop(pipes_);
  for (Side* side : {&tunnel->client, &tunnel->upstream}) {
    // While the descriptor that this one is a copy of is open, its events would go on.
    sys::epoll_ctl(epoll_.Get(), EPOLL_CTL_DEL, side->socket.Get(), nullptr);
    side->Close(error != 0);
  }
  tunnel->next = finished_;
  finished_ = tunnel;
}

// Last in a round: JavaScript's thread frees them.
void Relay::Report() {
  if (finished_) {
    Lock lock(lock_);
    while (finished_) {
      Tunnel* tunnel = std::exchange(finished_, finished_->next);
      tunnel->next = ended_;
      ended_ = tunnel;
    }
    isReporting_ = true;
  }
  if (!isReporting_ || now_ - reported_ < kReportStep) return;
  isReporting_ = false;
  reported_ = now_;
  Signal(reports_);
}

}  // namespace relay
