#include "environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "system.h"

namespace {
constexpr int kBits = 64;
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

bool Environment::Disown(int fd) {
  if (fd < 0 || fd / kBits >= words_) return false;
  uint64_t bit = uint64_t{1} << (fd % kBits);
  if (!(owned_[fd / kBits] & bit)) return false;
  owned_[fd / kBits] &= ~bit;
  return true;
}

void Environment::Close() {
  poller.Stop();
  for (int fd = 0; fd < words_ * kBits; fd++) {
    if (Disown(fd)) sys::close(fd);
  }
  free(owned_);
  owned_ = nullptr;
  words_ = 0;
}
