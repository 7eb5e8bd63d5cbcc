// The devices that the program's sockets are bound to, one after another.
#pragma once

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "../owned.h"

namespace run {

// A turn of devices. Empty: no socket can be opened.
struct Turn {
  // Of names with IFNAMSIZ bytes each, filled up with zeros. Null where there is no memory.
  static Turn* Of(const uint8_t* names, size_t length);

  size_t count;
  char names[][IFNAMSIZ];
};

// One thread sets them, another one asks for them.
class Devices {
 public:
  Devices() = default;
  ~Devices() { free(fresh_.load()); }

  // Takes the turn. Sockets that are open already keep their device.
  void Set(Turn* turn) { free(fresh_.exchange(turn)); }

  // For a new socket of this type; null for none. Connections take turns among themselves: with the questions to name servers
  // between them, every one of two devices might get all connections.
  const char* Next(int type);
  // Without taking a turn; null for none.
  const char* Current();

 private:
  void Refresh();

  std::atomic<Turn*> fresh_{nullptr};
  Memory<Turn> turn_{nullptr};
  size_t streams_ = 0;
  size_t others_ = 0;
};

}  // namespace run
