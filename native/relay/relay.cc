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

}  // namespace

uint32_t Relay::Now() {
  int32_t now[2];
  ReadClock(CLOCK_MONOTONIC, now);
  return static_cast<uint32_t>(now[0]) * 1000 + static_cast<uint32_t>(now[1]) / 1000000;
}

void* Relay::Run(void* self) {
  static_cast<Relay*>(self)->Work();
  return nullptr;
}

void Relay::Work() {
  epoll_event events[kEvents];
  now_ = Now();
  for (;;) {
    int count = sys::epoll_wait(epoll_.Get(), events, kEvents, Timeout());
    if (count < 0 && errno != EINTR) return;
    now_ = Now();
    if (!TakeCommands(false)) return;
    bool areTaken = true;
    for (int i = 0; i < count; i++) {
      auto* side = static_cast<Side*>(events[i].data.ptr);
      if (side) areTaken &= Note(*side, events[i].events);
    }
    if (!areTaken && !TakeCommands(true)) return;
    EndIdle();
    MoveAll();
    Report();
  }
}

int Relay::Timeout() {
  if (ready_) return starved_ ? kMemoryRetry : 0;
  if (isReporting_) return static_cast<int>(kReportStep);
  Lock lock(lock_);
  if (!looks_) return -1;
  int32_t left = static_cast<int32_t>(nextLook_ - now_);
  return left > 0 ? left : 0;
}

// False once the relay ends.
bool Relay::TakeCommands(bool isAwaiting) {
  Tunnel* incoming;
  bool cutting;
  {
    Lock lock(lock_);
    if (stopping_) return false;
    isAwaited_ = (isAwaited_ || isAwaiting) && !incoming_;
    incoming = std::exchange(incoming_, nullptr);
    cutting = std::exchange(cutting_, false);
  }
  while (incoming) Take(std::exchange(incoming, incoming->next));
  if (!cutting) return true;
  {
    Lock lock(lock_);
    for (Tunnel* tunnel = open_; tunnel; tunnel = tunnel->next) {
      if (tunnel->isCut) tunnel->error = ECONNABORTED;
    }
  }
  for (Tunnel* tunnel = open_; tunnel;) {
    Tunnel* next = tunnel->next;
    if (tunnel->error != 0) Finish(tunnel, tunnel->error);
    tunnel = next;
  }
  return true;
}

void Relay::Take(Tunnel* tunnel) {
  tunnel->previous = nullptr;
  tunnel->next = open_;
  if (open_) open_->previous = tunnel;
  open_ = tunnel;
  tunnel->isTaken = true;
  // For the bytes that had no room, and for events that came before.
  GetReady(tunnel);
}

// A socket that has had no room is followed for that too.
int Relay::Follow(Side& side, int operation) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
  if (!side.writable) event.events |= EPOLLOUT;
  event.data.ptr = &side;
  return Result(sys::epoll_ctl(epoll_.Get(), operation, side.socket.Get(), &event));
}

// False for one that JavaScript's thread still opens: the last, as it opens one after the other.
bool Relay::Note(Side& side, uint32_t events) {
  if (events & EPOLLPRI) side.readable = side.urgent = true;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) side.readable = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) side.writable = true;
  if (events & EPOLLERR) side.failed = true;
  side.ended = (events & EPOLLRDHUP) && !side.failed;
  if (side.tunnel->isTaken) GetReady(side.tunnel);
  return side.tunnel->isTaken;
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
  int error = sending.Move(tunnel->client, tunnel->upstream, pipes_, false);
  // An end that takes no more bytes may have answered early, such as with a refusal of what is being sent. Its event may be yet to come.
  tunnel->upstream.readable |= error != 0;
  int other = receiving.Move(tunnel->upstream, tunnel->client, pipes_, error != 0);
  if (error == 0) error = other;
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
    if (error == 0 && !isDone && !side->writable && !std::exchange(side->wasFull, true))
      error = Follow(*side, EPOLL_CTL_MOD);
  }
  if (error < 0 || isDone) return Finish(tunnel, -error);
  starved_ |= isStarved;
  if (isStarved || sending.HasMore() || receiving.HasMore()) GetReady(tunnel);
}

void Relay::EndIdle() {
  {
    Lock lock(lock_);
    if (!looks_ || static_cast<int32_t>(nextLook_ - now_) > 0) return;
  }
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
  Lock lock(lock_);
  looks_ = open_ || incoming_;
  nextLook_ = now_ + (incoming_ || next < kIdleStep ? kIdleStep : next);
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
