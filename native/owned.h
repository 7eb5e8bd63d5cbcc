// Owners of a descriptor and of memory of malloc, which release it on every return path.
#pragma once

#include <stdlib.h>

#include <utility>

#include "system.h"

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Descriptor() { Reset(); }

  explicit operator bool() const { return fd_ >= 0; }
  int Get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset() {
    if (fd_ >= 0) sys::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

// Ends a TCP connection with a reset (SO_LINGER of 0 seconds), so that the other end doesn't take it for complete.
inline int CloseWithReset(int fd) {
  linger none{1, 0};
  sys::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  return sys::close(fd);
}

template <typename T>
class Memory {
 public:
  explicit Memory(T* memory) : memory_(memory) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { free(memory_); }

  explicit operator bool() const { return memory_ != nullptr; }
  T* operator->() const { return memory_; }
  T* Get() const { return memory_; }
  T* Release() { return std::exchange(memory_, nullptr); }
  void Reset(T* memory) { free(std::exchange(memory_, memory)); }

 private:
  T* memory_;
};
