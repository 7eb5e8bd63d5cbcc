// Packets in batches. The layouts are those of src/binding/addon.ts.
#include "packets.h"

#include <netinet/in.h>
#include <string.h>

#include "arguments.h"
#include "environment.h"
#include "received.h"
#include "system.h"

namespace {

constexpr size_t kHeader = 2 * kAddressRoom;

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

// CMSG_NXTHDR calls a function of glibc that musl lacks.
template <typename T>
void AddControl(msghdr& header, uint8_t* control, int level, int type, const T& value) {
  auto* message = reinterpret_cast<cmsghdr*>(control + header.msg_controllen);
  message->cmsg_level = level;
  message->cmsg_type = type;
  message->cmsg_len = CMSG_LEN(sizeof value);
  memcpy(CMSG_DATA(message), &value, sizeof value);
  header.msg_control = control;
  header.msg_controllen += CMSG_SPACE(sizeof value);
}

void AddHopLimit(msghdr& header, uint8_t* control, int family, int hops) {
  if (family == AF_INET6) {
    AddControl(header, control, IPPROTO_IPV6, IPV6_HOPLIMIT, hops);
  } else {
    AddControl(header, control, IPPROTO_IP, IP_TTL, hops);
  }
}

// The address and the device that a packet leaves from. `source` is empty or a socket address, `device` 0 or an index.
void AddSource(msghdr& header, uint8_t* control, int family, const uint8_t* source, size_t length, int device) {
  if (family == AF_INET6) {
    in6_pktinfo info{};
    if (length >= sizeof(sockaddr_in6)) {
      memcpy(&info.ipi6_addr, source + offsetof(sockaddr_in6, sin6_addr), sizeof info.ipi6_addr);
    }
    info.ipi6_ifindex = static_cast<unsigned>(device);
    AddControl(header, control, IPPROTO_IPV6, IPV6_PKTINFO, info);
  } else {
    in_pktinfo info{};
    if (length >= sizeof(sockaddr_in)) {
      memcpy(&info.ipi_spec_dst, source + offsetof(sockaddr_in, sin_addr), sizeof info.ipi_spec_dst);
    }
    info.ipi_ifindex = device;
    AddControl(header, control, IPPROTO_IP, IP_PKTINFO, info);
  }
}

bool Inside(int32_t offset, int32_t length, size_t size) {
  return offset >= 0 && length >= 0 && static_cast<size_t>(offset) + static_cast<size_t>(length) <= size;
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
    if (!Inside(row[0], row[1], data.length) || !Inside(row[2], row[3], data.length) ||
        !Inside(row[5], row[6], data.length)) {
      return -EINVAL;
    }
    buffers.vectors[i] = {data.data + row[0], static_cast<size_t>(row[1])};
    msghdr& header = buffers.messages[i].msg_hdr;
    header = {};
    header.msg_iov = &buffers.vectors[i];
    header.msg_iovlen = 1;
    if (row[3] > 0) {
      header.msg_name = data.data + row[2];
      header.msg_namelen = static_cast<socklen_t>(row[3]);
    }
    if (row[4] < 0 && row[6] == 0 && row[7] == 0) continue;
    int family = FamilyOf(fd, data.data + row[2], static_cast<size_t>(row[3]));
    if (row[4] >= 0) AddHopLimit(header, buffers.control[i], family, row[4]);
    if (row[6] == 0 && row[7] == 0) continue;
    AddSource(header, buffers.control[i], family, data.data + row[5], static_cast<size_t>(row[6]), row[7]);
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
    ReadPacket(buffers.messages[i], table.data + i * kReceiveFields, data.data + i * slot + kAddressRoom);
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

static int Write(const Arguments& arguments) {
  View<uint8_t> data(arguments, 1);
  if (data.length == 0) return -EINVAL;
  return Result(sys::send(arguments.Int(0), data.data, data.length, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static int Read(const Arguments& arguments) {
  View<uint8_t> data(arguments, 1);
  return data.length == 0 ? -EINVAL : Result(sys::read(arguments.Int(0), data.data, data.length));
}

void DefinePackets(Napi::Env env, Napi::Object exports) {
  Define(env, exports,
         {
             {"send", Call<Send>},
             {"receive", Call<Receive>},
             {"write", Call<Write>},
             {"read", Call<Read>},
         });
}
