// Memory for one sendmmsg(2) or recvmmsg(2), used again for each.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

// Numbers of each packet in the table of `send`.
constexpr size_t kSendFields = 8;

struct PacketBuffers {
  static constexpr int kPackets = 64;
  static constexpr size_t kControl = 512;

  mmsghdr messages[kPackets];
  iovec vectors[kPackets];
  alignas(cmsghdr) uint8_t control[kPackets][kControl];
};
