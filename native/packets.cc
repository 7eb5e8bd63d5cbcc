// Packets in batches. The layouts are those of src/binding/addon.ts.
#include "packets.h"

#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h>

#include "arguments.h"
#include "environment.h"
#include "system.h"

#ifndef SO_TIMESTAMPING_NEW
#define SO_TIMESTAMPING_NEW 65
#define SO_TIMESTAMPNS_NEW 64
#endif

namespace {

constexpr size_t kSendFields = 5;
constexpr size_t kReceiveFields = 16;
constexpr size_t kAddressRoom = 32;
constexpr size_t kHeader = 2 * kAddressRoom;

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

int FamilyOf(int fd, const uint8_t* address, size_t length) {
  sa_family_t family = AF_UNSPEC;
  if (length >= sizeof family) {
    memcpy(&family, address, sizeof family);
    return family;
  }
  int domain = AF_UNSPEC;
  socklen_t size = sizeof domain;
  sys::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  return domain;
}

void AddHopLimit(msghdr& header, uint8_t* control, int family, int hops) {
  header.msg_control = control;
  header.msg_controllen = CMSG_SPACE(sizeof hops);
  cmsghdr* message = CMSG_FIRSTHDR(&header);
  message->cmsg_level = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
  message->cmsg_type = family == AF_INET6 ? IPV6_HOPLIMIT : IP_TTL;
  message->cmsg_len = CMSG_LEN(sizeof hops);
  memcpy(CMSG_DATA(message), &hops, sizeof hops);
}

bool Inside(int32_t offset, int32_t length, size_t size) {
  return offset >= 0 && length >= 0 && static_cast<size_t>(offset) + static_cast<size_t>(length) <= size;
}

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

void ReadError(const cmsghdr* message, int32_t* row, uint8_t* offender) {
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

void ReadSocketLevel(const cmsghdr* message, int32_t* row) {
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

void ReadIPv4Level(const cmsghdr* message, int32_t* row, uint8_t* offender) {
  if (message->cmsg_type == IP_TTL && Holds<int32_t>(message)) row[kTtl] = Read<int32_t>(message);
  if (message->cmsg_type == IP_TOS && Holds<uint8_t>(message)) row[kTos] = Read<uint8_t>(message);
  if (message->cmsg_type == IP_PKTINFO && Holds<in_pktinfo>(message)) {
    row[kDevice] = static_cast<int32_t>(Read<in_pktinfo>(message).ipi_ifindex);
  }
  if (message->cmsg_type == IP_RECVERR && Holds<sock_extended_err>(message)) ReadError(message, row, offender);
}

void ReadIPv6Level(const cmsghdr* message, int32_t* row, uint8_t* offender) {
  if (message->cmsg_type == IPV6_HOPLIMIT && Holds<int32_t>(message)) row[kTtl] = Read<int32_t>(message);
  if (message->cmsg_type == IPV6_TCLASS && Holds<int32_t>(message)) row[kTos] = Read<int32_t>(message);
  if (message->cmsg_type == IPV6_PKTINFO && Holds<in6_pktinfo>(message)) {
    row[kDevice] = static_cast<int32_t>(Read<in6_pktinfo>(message).ipi6_ifindex);
  }
  if (message->cmsg_type == IPV6_RECVERR && Holds<sock_extended_err>(message)) ReadError(message, row, offender);
}

// CMSG_NXTHDR calls a function of glibc that musl lacks.
cmsghdr* Next(const msghdr& header, cmsghdr* message) {
  auto* end = static_cast<uint8_t*>(header.msg_control) + header.msg_controllen;
  auto* next = reinterpret_cast<uint8_t*>(message) + CMSG_ALIGN(message->cmsg_len);
  if (message->cmsg_len < sizeof(cmsghdr) || next + sizeof(cmsghdr) > end) return nullptr;
  return reinterpret_cast<cmsghdr*>(next);
}

void ReadPacket(mmsghdr& packet, int32_t* row, uint8_t* slot) {
  memset(row, 0, kReceiveFields * sizeof *row);
  msghdr& header = packet.msg_hdr;
  row[kLength] = static_cast<int32_t>(packet.msg_len);
  row[kAddressLength] = static_cast<int32_t>(header.msg_namelen);
  row[kFlags] = header.msg_flags;
  row[kTtl] = row[kNanoseconds] = row[kTos] = -1;
  for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr; message = Next(header, message)) {
    if (message->cmsg_level == SOL_SOCKET) ReadSocketLevel(message, row);
    if (message->cmsg_level == IPPROTO_IP) ReadIPv4Level(message, row, slot + kAddressRoom);
    if (message->cmsg_level == IPPROTO_IPV6) ReadIPv6Level(message, row, slot + kAddressRoom);
  }
}

int Transfer(long call, int fd, mmsghdr* messages, int count, int flags) {
  long done;
  do {
    done = sys::transfer(call, fd, messages, count, flags | MSG_DONTWAIT);
  } while (done < 0 && errno == EINTR);
  return Result(done);
}

int SendPackets(PacketBuffers& buffers, int fd, View<uint8_t> data, View<int32_t> table, int count, int flags) {
  if (count < 1 || count > PacketBuffers::kPackets || table.length < count * kSendFields) return -EINVAL;
  for (int i = 0; i < count; i++) {
    const int32_t* row = table.data + i * kSendFields;
    if (!Inside(row[0], row[1], data.length) || !Inside(row[2], row[3], data.length)) return -EINVAL;
    buffers.vectors[i] = {data.data + row[0], static_cast<size_t>(row[1])};
    msghdr& header = buffers.messages[i].msg_hdr;
    header = {};
    header.msg_iov = &buffers.vectors[i];
    header.msg_iovlen = 1;
    if (row[3] > 0) {
      header.msg_name = data.data + row[2];
      header.msg_namelen = static_cast<socklen_t>(row[3]);
    }
    if (row[4] >= 0) {
      AddHopLimit(header, buffers.control[i], FamilyOf(fd, data.data + row[2], static_cast<size_t>(row[3])), row[4]);
    }
  }
  return Transfer(SYS_sendmmsg, fd, buffers.messages, count, flags | MSG_NOSIGNAL);
}

int ReceivePackets(PacketBuffers& buffers, int fd, View<uint8_t> data, View<int32_t> table, int flags) {
  size_t count = table.length / kReceiveFields;
  if (count < 1 || count > PacketBuffers::kPackets || data.length / count <= kHeader) return -EINVAL;
  size_t slot = data.length / count;
  for (size_t i = 0; i < count; i++) {
    uint8_t* start = data.data + i * slot;
    buffers.vectors[i] = {start + kHeader, slot - kHeader};
    msghdr& header = buffers.messages[i].msg_hdr;
    header = {};
    header.msg_name = start;
    header.msg_namelen = kAddressRoom;
    header.msg_iov = &buffers.vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = buffers.control[i];
    header.msg_controllen = PacketBuffers::kControl;
  }
  int received = Transfer(SYS_recvmmsg, fd, buffers.messages, static_cast<int>(count), flags | MSG_TRUNC);
  for (int i = 0; i < received; i++) {
    ReadPacket(buffers.messages[i], table.data + i * kReceiveFields, data.data + i * slot);
  }
  return received;
}

}  // namespace

static int Send(const Arguments& arguments) {
  return SendPackets(Environment::Of(arguments.Env()).packets, arguments.Int(0), View<uint8_t>(arguments, 1),
                     View<int32_t>(arguments, 2), arguments.Int(3), arguments.Int(4));
}

static int Receive(const Arguments& arguments) {
  return ReceivePackets(Environment::Of(arguments.Env()).packets, arguments.Int(0), View<uint8_t>(arguments, 1),
                        View<int32_t>(arguments, 2), arguments.Int(3));
}

void DefinePackets(Napi::Env env, Napi::Object exports) {
  Define(env, exports, {{"send", Call<Send>}, {"receive", Call<Receive>}});
}
