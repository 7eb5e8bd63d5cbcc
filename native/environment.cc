#include "environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "system.h"

namespace {
constexpr int kBits = 64;

// Distinguishes sockets that have the same descriptor number one after the other; 0 for anything but a socket.
uint64_t Cookie(int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  return sys::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0 ? 0 : cookie;
}
}

int Environment::Own(int fd) {
  if (fd < 0) return fd;
  int word = fd / kBits;
  if (word >= words_) {
    int words = word + 16;
    auto* grown = static_cast<uint64_t*>(sys::realloc(owned_, words * sizeof(uint64_t)));
    if (!grown) {
      sys::close(fd);
      return -ENOMEM;
    }
    memset(grown + words_, 0, (words - words_) * sizeof(uint64_t));
    owned_ = grown;
    words_ = words;
  }
  owned_[word] |= uint64_t{1} << (fd % kBits);
  return fd;
}

bool Environment::Owns(int fd) const {
  return fd >= 0 && fd / kBits < words_ && (owned_[fd / kBits] >> (fd % kBits) & 1);
}

bool Environment::Disown(int fd) {
  if (!Owns(fd)) return false;
  owned_[fd / kBits] &= ~(uint64_t{1} << (fd % kBits));
  if (fd == lent_) lent_ = -1;
  return true;
}

void Environment::Lend(int fd) {
  lent_ = fd;
  lentCookie_ = Cookie(fd);
}

void Environment::Close() {
  poller.Stop();
  relay.Stop();
  supervisor.Stop();
  // The worker was terminated while it passed the descriptor on. If the other owner took it, that one has closed it by now, and
  // the number may be another thread's.
  if (lent_ >= 0 && (lentCookie_ == 0 || Cookie(lent_) != lentCookie_)) Disown(lent_);
  for (int fd = 0; fd < words_ * kBits; fd++) {
    if (Disown(fd)) sys::close(fd);
  }
  free(owned_);
  owned_ = nullptr;
  words_ = 0;
}
