// Pipes for splice(2). A direction of a tunnel holds one only while bytes are in it.
#pragma once

#include "../owned.h"

namespace relay {

struct Pipe {
  Descriptor out;
  Descriptor in;
  size_t held = 0;

  explicit operator bool() const { return static_cast<bool>(in); }
};

class Pipes {
 public:
  // Without descriptors, and beyond the most, there is none: the bytes are copied then.
  Pipe Take();
  // Keeps an empty one for later.
  void Give(Pipe pipe);
  // Closes those that it keeps.
  void Clear();

 private:
  static constexpr int kMost = 64;
  static constexpr int kKept = 16;
  // What any user may have. The kernel gives less to a user with many pipes.
  static constexpr int kSize = 1 << 20;

  Pipe kept_[kKept];
  int keptCount_ = 0;
  int taken_ = 0;
};

}  // namespace relay
