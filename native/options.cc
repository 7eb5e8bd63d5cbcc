// Socket options and constants by name: their numbers differ between architectures, so TypeScript asks here.
// The C library's headers come first: the kernel's then leave out what both define.
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>

#include "arguments.h"
#include "environment.h"
#include "received.h"

// Newer than some libc's headers; these numbers are the same on all architectures netvia is built for.
#ifndef SO_TIMESTAMPING_NEW
#define SO_TIMESTAMPNS_NEW 64
#define SO_TIMESTAMPING_NEW 65
#endif
#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#ifndef SOL_RAW
#define SOL_RAW 255
#endif
#ifndef SOL_ICMPV6
#define SOL_ICMPV6 58
#endif
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
#ifndef SOL_PACKET
#define SOL_PACKET 263
#endif
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT 73
#endif
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#define ICMP6_FILTER_OPTION 1

namespace {

// The names lie in the tables: pointers to them would each need a relocation when the addon is loaded.
struct Option {
  char name[24];
  int level;
  int number;
};

constexpr Option kOptions[] = {
    {"SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN},
    {"SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE},
    {"SO_BINDTOIFINDEX", SOL_SOCKET, SO_BINDTOIFINDEX},
    {"SO_BROADCAST", SOL_SOCKET, SO_BROADCAST},
    {"SO_BUSY_POLL", SOL_SOCKET, SO_BUSY_POLL},
    {"SO_DOMAIN", SOL_SOCKET, SO_DOMAIN},
    {"SO_ERROR", SOL_SOCKET, SO_ERROR},
    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE},
    {"SO_LINGER", SOL_SOCKET, SO_LINGER},
    {"SO_MARK", SOL_SOCKET, SO_MARK},
    {"SO_MAX_PACING_RATE", SOL_SOCKET, SO_MAX_PACING_RATE},
    {"SO_PRIORITY", SOL_SOCKET, SO_PRIORITY},
    {"SO_PROTOCOL", SOL_SOCKET, SO_PROTOCOL},
    {"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF},
    {"SO_RCVBUFFORCE", SOL_SOCKET, SO_RCVBUFFORCE},
    {"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR},
    {"SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT},
    {"SO_RXQ_OVFL", SOL_SOCKET, SO_RXQ_OVFL},
    {"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF},
    {"SO_SNDBUFFORCE", SOL_SOCKET, SO_SNDBUFFORCE},
    {"SO_TIMESTAMPING", SOL_SOCKET, SO_TIMESTAMPING_NEW},
    {"SO_TIMESTAMPNS", SOL_SOCKET, SO_TIMESTAMPNS_NEW},
    {"SO_TYPE", SOL_SOCKET, SO_TYPE},
    {"IP_BIND_ADDRESS_NO_PORT", IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT},
    {"IP_FREEBIND", IPPROTO_IP, IP_FREEBIND},
    {"IP_HDRINCL", IPPROTO_IP, IP_HDRINCL},
    {"IP_MINTTL", IPPROTO_IP, IP_MINTTL},
    {"IP_MTU", IPPROTO_IP, IP_MTU},
    {"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER},
    {"IP_PKTINFO", IPPROTO_IP, IP_PKTINFO},
    {"IP_RECVERR", IPPROTO_IP, IP_RECVERR},
    {"IP_RECVTOS", IPPROTO_IP, IP_RECVTOS},
    {"IP_RECVTTL", IPPROTO_IP, IP_RECVTTL},
    {"IP_TOS", IPPROTO_IP, IP_TOS},
    {"IP_TTL", IPPROTO_IP, IP_TTL},
    {"IPV6_DONTFRAG", IPPROTO_IPV6, IPV6_DONTFRAG},
    {"IPV6_MINHOPCOUNT", IPPROTO_IPV6, IPV6_MINHOPCOUNT},
    {"IPV6_MTU", IPPROTO_IPV6, IPV6_MTU},
    {"IPV6_MTU_DISCOVER", IPPROTO_IPV6, IPV6_MTU_DISCOVER},
    {"IPV6_RECVERR", IPPROTO_IPV6, IPV6_RECVERR},
    {"IPV6_RECVHOPLIMIT", IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
    {"IPV6_RECVPKTINFO", IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {"IPV6_RECVTCLASS", IPPROTO_IPV6, IPV6_RECVTCLASS},
    {"IPV6_TCLASS", IPPROTO_IPV6, IPV6_TCLASS},
    {"IPV6_UNICAST_HOPS", IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {"IPV6_V6ONLY", IPPROTO_IPV6, IPV6_V6ONLY},
    {"ICMP_FILTER", SOL_RAW, ICMP_FILTER},
    {"ICMP6_FILTER", SOL_ICMPV6, ICMP6_FILTER_OPTION},
    {"TCP_CONGESTION", IPPROTO_TCP, TCP_CONGESTION},
    {"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT},
    {"TCP_FASTOPEN", IPPROTO_TCP, TCP_FASTOPEN},
    {"TCP_INFO", IPPROTO_TCP, TCP_INFO},
    {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT},
    {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE},
    {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL},
    {"TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2},
    {"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG},
    {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY},
    {"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT},
    {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT},
    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT},
    {"TCP_WINDOW_CLAMP", IPPROTO_TCP, TCP_WINDOW_CLAMP},
    {"NETLINK_ADD_MEMBERSHIP", SOL_NETLINK, NETLINK_ADD_MEMBERSHIP},
    {"NETLINK_EXT_ACK", SOL_NETLINK, NETLINK_EXT_ACK},
    {"NETLINK_GET_STRICT_CHK", SOL_NETLINK, NETLINK_GET_STRICT_CHK},
    {"PACKET_IGNORE_OUTGOING", SOL_PACKET, PACKET_IGNORE_OUTGOING},
    {"PACKET_VNET_HDR", SOL_PACKET, PACKET_VNET_HDR},
};

struct Constant {
  char name[32];
  int value;
};

#define CONSTANT(name) {#name, static_cast<int>(name)}
constexpr Constant kConstants[] = {
    // The addon's own layout: TypeScript has the same numbers (src/binding/addon.ts), and a test compares them.
    {"BATCH_PACKETS", PacketBuffers::kPackets},
    {"BATCH_EVENTS", Poller::kEvents},
    {"SEND_FIELDS", static_cast<int>(kSendFields)},
    {"RECEIVE_FIELDS", static_cast<int>(kReceiveFields)},
    {"RELAY_END_FIELDS", static_cast<int>(relay::Relay::kEndFields)},
    {"ADDRESS_ROOM", static_cast<int>(kAddressRoom)},
    CONSTANT(AF_INET),
    CONSTANT(AF_INET6),
    CONSTANT(AF_NETLINK),
    CONSTANT(AF_PACKET),
    CONSTANT(SOCK_STREAM),
    CONSTANT(SOCK_DGRAM),
    CONSTANT(SOCK_RAW),
    CONSTANT(IPPROTO_ICMP),
    CONSTANT(IPPROTO_ICMPV6),
    CONSTANT(IPPROTO_TCP),
    CONSTANT(IPPROTO_UDP),
    CONSTANT(NETLINK_ROUTE),
    CONSTANT(ETH_P_ALL),
    CONSTANT(PACKET_OUTGOING),
    CONSTANT(EPOLLIN),
    CONSTANT(EPOLLOUT),
    CONSTANT(EPOLLERR),
    CONSTANT(EPOLLHUP),
    CONSTANT(EPOLLRDHUP),
    CONSTANT(MSG_ERRQUEUE),
    CONSTANT(MSG_TRUNC),
    CONSTANT(MSG_CTRUNC),
    CONSTANT(EINPROGRESS),
    CONSTANT(EAGAIN),
    CONSTANT(IP_PMTUDISC_DONT),
    CONSTANT(IP_PMTUDISC_WANT),
    CONSTANT(IP_PMTUDISC_DO),
    CONSTANT(IP_PMTUDISC_PROBE),
    CONSTANT(SO_EE_ORIGIN_LOCAL),
    CONSTANT(SO_EE_ORIGIN_ICMP),
    CONSTANT(SO_EE_ORIGIN_ICMP6),
    CONSTANT(SO_EE_ORIGIN_TIMESTAMPING),
    CONSTANT(SOF_TIMESTAMPING_TX_SOFTWARE),
    CONSTANT(SOF_TIMESTAMPING_RX_SOFTWARE),
    CONSTANT(SOF_TIMESTAMPING_SOFTWARE),
    CONSTANT(SOF_TIMESTAMPING_OPT_ID),
    CONSTANT(SOF_TIMESTAMPING_OPT_TSONLY),
    CONSTANT(SOF_TIMESTAMPING_OPT_CMSG),
};

}  // namespace

void DefineOptions(Napi::Env env, Napi::Object exports) {
  auto options = Napi::Object::New(env);
  for (const Option& option : kOptions) {
    napi_value pair = nullptr;
    napi_create_array_with_length(env, 2, &pair);
    napi_set_element(env, pair, 0, Number(env, option.level));
    napi_set_element(env, pair, 1, Number(env, option.number));
    napi_set_named_property(env, options, option.name, pair);
  }
  napi_set_named_property(env, exports, "options", options);

  auto constants = Napi::Object::New(env);
  for (const Constant& constant : kConstants) {
    napi_set_named_property(env, constants, constant.name, Number(env, constant.value));
  }
  napi_set_named_property(env, exports, "constants", constants);
}
