#include "devices.h"

#include <string.h>
#include <sys/socket.h>

namespace run {

Turn* Turn::Of(const uint8_t* names, size_t length) {
  size_t count = length / IFNAMSIZ;
  Turn* turn = static_cast<Turn*>(sys::malloc(sizeof(Turn) + count * IFNAMSIZ));
  if (!turn) return nullptr;
  turn->count = count;
  memcpy(turn->names, names, count * IFNAMSIZ);
  for (size_t i = 0; i < count; i++) turn->names[i][IFNAMSIZ - 1] = 0;
  return turn;
}

void Devices::Refresh() {
  Turn* fresh = fresh_.exchange(nullptr);
  if (!fresh) return;
  turn_.Reset(fresh);
  streams_ = others_ = 0;
}

const char* Devices::Next(int type) {
  if (!Current()) return nullptr;
  size_t& next = type == SOCK_STREAM ? streams_ : others_;
  return turn_->names[next++ % turn_->count];
}

const char* Devices::Current() {
  Refresh();
  return turn_ && turn_->count > 0 ? turn_->names[others_ % turn_->count] : nullptr;
}

}  // namespace run
