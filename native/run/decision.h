// Decides one call of a confined program: a socket on the device, the call as it was made, or an error.
#pragma once

#include <net/if.h>
#include <stdint.h>

#include "connections.h"
#include "devices.h"
#include "tracee.h"

namespace run {

// The numbers are also in src/system/confined-program.ts.
enum class Refusal : int32_t { kResolver, kNameService, kOtherDevice, kNoDevice, kUnreadable, kNoUplink };

// A refusal as JavaScript reads it. The address is a struct sockaddr_*. What isn't known is all zero. Only some refusals have a device.
struct RefusalReport {
  int32_t reason;
  char program[16];  // TASK_COMM_LEN
  char device[IFNAMSIZ];
  uint8_t address[112];
};

struct Confinement {
  Devices devices;
  // Of all sockets that the program gets.
  Mark mark;
  // Whether questions to name services on this machine are let through: those ask by their own route.
  bool resolvers = false;
  // Whether a socket was moved to loopback so far: before that, none need be looked for.
  bool moved = false;
  // Takes a RefusalReport a packet.
  Descriptor reporting;
};

class Decision {
 public:
  Decision(Confinement& confinement, const Tracee& tracee) : confinement_(confinement), tracee_(tracee) {}

  void Answer();

 private:
  void OpenSocket();
  // Each returns 0, or the error that the program gets.
  int Judge();
  int Bind();
  int Connect();
  int Destination(uint64_t from, uint64_t length);
  int Message(uint64_t from);
  int Messages(uint64_t from, uint64_t count);
  int Controls(uint64_t from, uint64_t length);
  // Shortens the length to what is read.
  int ReadAddress(uint64_t from, uint64_t& length);
  int Disconnect();
  // Exchanges its socket for one on loopback, or one of loopback for one on a device.
  int Move(bool here);
  // The device of a socket; of one that was moved to loopback, the one that it would return to. Null: there is none.
  const char* HomeOf(int fd);
  // Refuses a device by its index unless it is that of the socket, or loopback. 0 names none.
  int Named(unsigned device);
  // Why there is no new socket on the device, by errno; otherwise the error.
  int NotMade(const char* device, int error);
  int Read(uint64_t from, void* to, size_t length);
  // Reports to JavaScript before the program is answered: after that, it may end, and this process with it.
  int Refuse(Refusal reason, int error, const char* device = nullptr);

  Confinement& confinement_;
  const Tracee& tracee_;
  const int fd_ = static_cast<int>(tracee_.Argument(0));
  // What the addresses of the call name: neither, this machine, or elsewhere.
  bool here_ = false;
  bool elsewhere_ = false;
  char home_[IFNAMSIZ] = {};
  // Done already: the program gets a zero.
  bool done_ = false;
  RefusalReport report_{};
};

}  // namespace run
