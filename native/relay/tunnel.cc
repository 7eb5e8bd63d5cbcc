#include "tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "../arguments.h"
#include "../system.h"

namespace relay {
namespace {
// Bytes that one direction moves before others have their turn.
constexpr size_t kTurn = 1 << 20;
constexpr size_t kCopied = 1 << 16;
// Fewer bytes are copied: two calls of splice(2) cost more.
constexpr size_t kSmall = 1 << 14;

// An old kernel, a filter of system calls, or a kind of socket without it (Multipath TCP).
bool LacksSplice(long error) {
  return error == -EINVAL || error == -ENOSYS || error == -EPERM || error == -EOPNOTSUPP;
}

bool IsShort(long error) { return error == -ENOMEM || error == -ENOBUFS; }
}  // namespace

int Side::TakeError() const {
  int error = 0;
  socklen_t length = sizeof error;
  return sys::getsockopt(socket.Get(), SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

void Side::Close(bool reset) {
  if (reset && socket) {
    CloseWithReset(socket.Release());
  } else {
    socket.Reset();
  }
}

bool Direction::Begin(Bytes first) {
  if (first.length == 0) return true;
  bytes_ = static_cast<uint8_t*>(sys::malloc(first.length));
  if (!bytes_) return false;
  memcpy(bytes_, first.data, first.length);
  end_ = first.length;
  return true;
}

void Direction::SendFirst(const Side& to) {
  if (!IsEmpty()) Write(to);
}

int Direction::Move(Side& from, Side& to, Pipes& pipes, bool isBroken) {
  more_ = starved_ = false;
  size_t begun = read_;
  long result = 0;
  while (!done_) {
    if (!IsEmpty()) {
      if (!to.writable) break;
      result = Write(to);
      if (result == -EAGAIN) to.writable = false;
    } else if (ended_) {
      done_ = true;
      result = Result(sys::shutdown(to.socket.Get(), SHUT_WR));
    } else {
      // What the other end can't take stays with the sender.
      if (!from.readable || !to.writable) break;
      more_ = read_ - begun >= kTurn;
      if (more_) break;
      result = Read(from, pipes);
      if (result == -EAGAIN) from.readable = false;
      // A reset behind its end is about what it is being sent.
      if (result == -EPIPE) result = 0;
      // After an error that a write has had, the kernel reports an end, which it need not be.
      if (result == 0 && isBroken && !from.ended) break;
      if (result == 0) ended_ = true;
      if (result > 0) read_ += static_cast<size_t>(result);
    }
    if (result >= 0 || result == -EAGAIN || result == -EINTR) continue;
    starved_ = IsShort(result);
    if (!starved_) return static_cast<int>(result);
    break;
  }
  if (pipe_.held == 0) Drop(pipes);
  return 0;
}

long Direction::Read(const Side& from, Pipes& pipes) {
  copies_ |= from.urgent;
  if (large_ && !copies_ && !pipe_) pipe_ = pipes.Take();
  if (copies_ || !pipe_) {
    auto most = static_cast<long>(large_ ? kCopied : kSmall);
    long read = Copy(from.socket.Get(), static_cast<size_t>(most));
    large_ |= read == most;
    last_ = from.ended && read < most;
    return read;
  }
  long read = Result(sys::splice(from.socket.Get(), pipe_.in.Get(), kTurn));
  if (read > 0) pipe_.held = static_cast<size_t>(read);
  // 0 may be urgent data in the way instead of the end.
  if (read != 0 && !LacksSplice(read)) return read;
  copies_ = true;
  return -EINTR;
}

long Direction::Copy(int from, size_t most) {
  auto* bytes = static_cast<uint8_t*>(sys::malloc(most));
  if (!bytes) return -ENOMEM;
  long read = Result(sys::read(from, bytes, most));
  if (read <= 0) {
    free(bytes);
    return read;
  }
  bytes_ = bytes;
  start_ = 0;
  end_ = static_cast<size_t>(read);
  return read;
}

long Direction::Write(const Side& to) {
  if (start_ == end_) {
    if (!copies_) {
      long written = Result(sys::splice(pipe_.out.Get(), to.socket.Get(), pipe_.held));
      if (written > 0) pipe_.held -= static_cast<size_t>(written);
      if (!LacksSplice(written)) return written;
      copies_ = true;
    }
    long read = Copy(pipe_.out.Get(), kCopied);
    if (read > 0) pipe_.held -= static_cast<size_t>(read);
    return read;
  }
  long written = Result(sys::send(to.socket.Get(), bytes_ + start_, end_ - start_, last_ ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL));
  if (written > 0) start_ += static_cast<size_t>(written);
  if (start_ == end_) free(std::exchange(bytes_, nullptr));
  return written;
}

}  // namespace relay
