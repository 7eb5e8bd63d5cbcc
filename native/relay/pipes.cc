#include "pipes.h"

#include <fcntl.h>

#include "../system.h"

namespace relay {

Pipe Pipes::Take() {
  Pipe pipe;
  if (taken_ == kMost) return pipe;
  if (keptCount_ > 0) {
    pipe = std::move(kept_[--keptCount_]);
  } else {
    int ends[2];
    if (sys::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return pipe;
    pipe.out = Descriptor(ends[0]);
    pipe.in = Descriptor(ends[1]);
    fcntl(ends[1], F_SETPIPE_SZ, kSize);
  }
  taken_++;
  return pipe;
}

void Pipes::Give(Pipe pipe) {
  if (!pipe) return;
  taken_--;
  if (pipe.held == 0 && keptCount_ < kKept) kept_[keptCount_++] = std::move(pipe);
}

void Pipes::Clear() {
  while (keptCount_ > 0) kept_[--keptCount_] = Pipe();
}

}  // namespace relay
