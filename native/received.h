// What the kernel reports of a received packet (cmsg(3)), as the numbers of `Field` in src/binding/addon.ts. Needs no Node-API,
// so that it can be fuzzed alone.
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>

#ifndef SO_TIMESTAMPING_NEW
#define SO_TIMESTAMPING_NEW 65
#define SO_TIMESTAMPNS_NEW 64
#endif

constexpr size_t kReceiveFields = 16;
constexpr size_t kAddressRoom = 32;

enum Field {
  kLength,
  kAddressLength,
  kFlags,
  kTtl,
  kSeconds,
  kNanoseconds,
  kDevice,
  kDrops,
  kErrorNumber,
  kErrorOrigin,
  kErrorType,
  kErrorCode,
  kErrorInfo,
  kErrorData,
  kOffenderLength,
  kTos,
};

template <typename T>
T Read(const cmsghdr* message) {
  T value;
  memcpy(&value, CMSG_DATA(message), sizeof value);
  return value;
}

template <typename T>
bool Holds(const cmsghdr* message) {
  return message->cmsg_len >= CMSG_LEN(sizeof(T));
}

// SCM_TIMESTAMPING_NEW starts with the software stamp; SCM_TIMESTAMPNS_NEW is one.
struct Stamp {
  int64_t seconds;
  int64_t nanoseconds;
};

inline void ReadError(const cmsghdr* message, int32_t* row, uint8_t* offender) {
  auto error = Read<sock_extended_err>(message);
  row[kErrorNumber] = static_cast<int32_t>(error.ee_errno);
  row[kErrorOrigin] = error.ee_origin;
  row[kErrorType] = error.ee_type;
  row[kErrorCode] = error.ee_code;
  row[kErrorInfo] = static_cast<int32_t>(error.ee_info);
  row[kErrorData] = static_cast<int32_t>(error.ee_data);
  size_t length = message->cmsg_len - CMSG_LEN(sizeof error);
  if (length > kAddressRoom) length = kAddressRoom;
  const uint8_t* address = CMSG_DATA(message) + sizeof error;
  sa_family_t family = AF_UNSPEC;
  if (length >= sizeof family) memcpy(&family, address, sizeof family);
  if (family == AF_UNSPEC) return;
  memcpy(offender, address, length);
  row[kOffenderLength] = static_cast<int32_t>(length);
}

inline void ReadSocketLevel(const cmsghdr* message, int32_t* row) {
  if ((message->cmsg_type == SO_TIMESTAMPING_NEW || message->cmsg_type == SO_TIMESTAMPNS_NEW) &&
      Holds<Stamp>(message)) {
    auto stamp = Read<Stamp>(message);
    if (stamp.seconds == 0) return;
    row[kSeconds] = static_cast<int32_t>(static_cast<uint32_t>(stamp.seconds));
    row[kNanoseconds] = static_cast<int32_t>(stamp.nanoseconds);
  } else if (message->cmsg_type == SO_RXQ_OVFL && Holds<int32_t>(message)) {
    row[kDrops] = Read<int32_t>(message);
  }
}

// Where a packet was sent to, with IP_PKTINFO and IPV6_RECVPKTINFO, where an error has its offender. `sin_zero` begins with the
// local address that the kernel would answer from: another one only for a broadcast or multicast packet (ip(7)).
inline void ReadDestination(in_pktinfo info, int32_t* row, uint8_t* destination) {
  row[kDevice] = static_cast<int32_t>(info.ipi_ifindex);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr = info.ipi_addr;
  memcpy(address.sin_zero, &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
  memcpy(destination, &address, sizeof address);
  row[kOffenderLength] = sizeof address;
}

inline void ReadDestination(const in6_pktinfo& info, int32_t* row, uint8_t* destination) {
  row[kDevice] = static_cast<int32_t>(info.ipi6_ifindex);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = info.ipi6_addr;
  const uint8_t* bytes = info.ipi6_addr.s6_addr;
  bool is_link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  bool is_group_of_link = bytes[0] == 0xff && (bytes[1] & 0x0f) <= 2;
  if (is_link_local || is_group_of_link) address.sin6_scope_id = info.ipi6_ifindex;
  memcpy(destination, &address, sizeof address);
  row[kOffenderLength] = sizeof address;
}

inline void ReadIPv4Level(const cmsghdr* message, int32_t* row, uint8_t* offender) {
  if (message->cmsg_type == IP_TTL && Holds<int32_t>(message)) row[kTtl] = Read<int32_t>(message);
  if (message->cmsg_type == IP_TOS && Holds<uint8_t>(message)) row[kTos] = Read<uint8_t>(message);
  if (message->cmsg_type == IP_PKTINFO && Holds<in_pktinfo>(message)) {
    ReadDestination(Read<in_pktinfo>(message), row, offender);
  }
  if (message->cmsg_type == IP_RECVERR && Holds<sock_extended_err>(message)) ReadError(message, row, offender);
}

inline void ReadIPv6Level(const cmsghdr* message, int32_t* row, uint8_t* offender) {
  if (message->cmsg_type == IPV6_HOPLIMIT && Holds<int32_t>(message)) row[kTtl] = Read<int32_t>(message);
  if (message->cmsg_type == IPV6_TCLASS && Holds<int32_t>(message)) row[kTos] = Read<int32_t>(message);
  if (message->cmsg_type == IPV6_PKTINFO && Holds<in6_pktinfo>(message)) {
    ReadDestination(Read<in6_pktinfo>(message), row, offender);
  }
  if (message->cmsg_type == IPV6_RECVERR && Holds<sock_extended_err>(message)) ReadError(message, row, offender);
}

// A message that lies within the control data with all of its length, or none. CMSG_NXTHDR calls a function of glibc that
// musl lacks.
inline const cmsghdr* MessageAt(const msghdr& header, size_t offset) {
  if (offset + sizeof(cmsghdr) > header.msg_controllen) return nullptr;
  auto* message = reinterpret_cast<const cmsghdr*>(static_cast<const uint8_t*>(header.msg_control) + offset);
  bool whole = message->cmsg_len >= sizeof(cmsghdr) && message->cmsg_len <= header.msg_controllen - offset;
  return whole ? message : nullptr;
}

// `row` is kReceiveFields numbers; `offender` has room for an address.
inline void ReadPacket(const mmsghdr& packet, int32_t* row, uint8_t* offender) {
  memset(row, 0, kReceiveFields * sizeof *row);
  const msghdr& header = packet.msg_hdr;
  row[kLength] = static_cast<int32_t>(packet.msg_len);
  row[kAddressLength] = static_cast<int32_t>(header.msg_namelen < kAddressRoom ? header.msg_namelen : kAddressRoom);
  row[kFlags] = header.msg_flags;
  row[kTtl] = row[kNanoseconds] = row[kTos] = -1;
  size_t offset = 0;
  while (const cmsghdr* message = MessageAt(header, offset)) {
    if (message->cmsg_level == SOL_SOCKET) ReadSocketLevel(message, row);
    if (message->cmsg_level == IPPROTO_IP) ReadIPv4Level(message, row, offender);
    if (message->cmsg_level == IPPROTO_IPV6) ReadIPv6Level(message, row, offender);
    offset += CMSG_ALIGN(message->cmsg_len);
  }
}
