// Two connected sockets, and the bytes on their way from each to the other.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pipes.h"

namespace relay {

struct Bytes {
  const uint8_t* data;
  size_t length;
};

struct Tunnel;

struct Side {
  Tunnel* tunnel = nullptr;
  Descriptor socket;
  // Edge-triggered: each stays true until the kernel answers EAGAIN.
  bool readable = false;
  bool writable = true;
  // Once it wasn't writable.
  bool wasFull = false;
  bool failed = false;
  // It has had urgent data, where splice(2) stops for good.
  bool urgent = false;
  // No bytes come after those it holds.
  bool ended = false;

  // The errno that waits in it, which it forgets; 0 without one.
  int TakeError() const;
  void Close(bool reset);
};

class Direction {
 public:
  ~Direction() { free(bytes_); }

  // Bytes that go before all others. False without memory.
  bool Begin(Bytes first);
  // As much of them as there is room for. The next `Move` meets an error again.
  void SendFirst(const Side& to);
  // Moves what it can, up to a turn's share. 0, or the negative errno that breaks the tunnel. `isBroken`: the other direction has one.
  int Move(Side& from, Side& to, Pipes& pipes, bool isBroken);
  // Bytes read since the last call.
  size_t TakeCount() { return std::exchange(read_, 0); }
  // It could move more.
  bool HasMore() const { return more_; }
  // Memory was short.
  bool IsStarved() const { return starved_; }
  bool IsDone() const { return done_; }
  bool IsEmpty() const { return start_ == end_ && pipe_.held == 0; }
  void Drop(Pipes& pipes) { pipes.Give(std::move(pipe_)); }

 private:
  long Read(const Side& from, Pipes& pipes);
  long Copy(int from, size_t most);
  long Write(const Side& to);

  Pipe pipe_;
  // Bytes outside of a pipe: those of the beginning, and copied ones.
  uint8_t* bytes_ = nullptr;
  size_t start_ = 0;
  size_t end_ = 0;
  size_t read_ = 0;
  // More than a small read came at a time.
  bool large_ = false;
  bool copies_ = false;
  // The end is on its way with the bytes: in one packet.
  bool last_ = false;
  bool ended_ = false;
  bool done_ = false;
  bool more_ = false;
  bool starved_ = false;
};

struct Tunnel {
  int id = 0;
  uint32_t idleTimeout = 0;
  // In ms of the relay's clock.
  uint32_t lastMoved = 0;
  Side client;
  Side upstream;
  Direction sending;
  Direction receiving;
  bool HasBytes() const { return !sending.IsEmpty() || !receiving.IsEmpty(); }
  bool isTaken = false;
  bool isReady = false;
  bool isFinished = false;
  int error = 0;

  // Under the relay's lock.
  bool isCut = false;
  uint64_t sent = 0;
  uint64_t received = 0;

  Tunnel* previous = nullptr;
  Tunnel* next = nullptr;
  Tunnel* nextReady = nullptr;
};

}  // namespace relay
