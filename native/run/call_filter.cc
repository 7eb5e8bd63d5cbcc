// The seccomp program of `netvia run`. It sees numbers only, no memory: calls with addresses go to the supervisor.
#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "start.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

namespace run {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__i386__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_I386;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__arm__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_ARM;
#elif defined(__riscv)
constexpr uint32_t kArchitecture = AUDIT_ARCH_RISCV64;
#elif defined(__mips__) && __BYTE_ORDER == __LITTLE_ENDIAN
constexpr uint32_t kArchitecture = AUDIT_ARCH_MIPSEL;
#elif defined(__mips__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_MIPS;
#elif defined(__powerpc64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_PPC64LE;
#elif defined(__s390x__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_S390X;
#elif defined(__loongarch__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_LOONGARCH64;
#endif

// The halves of an argument: the kernel reads an int from the low one.
constexpr uint32_t kLow = __BYTE_ORDER == __LITTLE_ENDIAN ? 0 : 4;
constexpr uint32_t Low(size_t argument) { return offsetof(seccomp_data, args) + 8 * argument + kLow; }
constexpr uint32_t High(size_t argument) { return offsetof(seccomp_data, args) + 8 * argument + 4 - kLow; }

constexpr uint32_t kAsk = SECCOMP_RET_USER_NOTIF;
constexpr uint32_t Fail(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
// The next `count` instructions are for this value only.
#define IF(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(value), 0, (count))
#define CASE(value, what) IF(value, 1), RETURN(what)

constexpr sock_filter kCode[] = {
    // System calls of another ABI have other numbers.
    LOAD(offsetof(seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(offsetof(seccomp_data, nr)),
#ifdef __x86_64__
    // No call at all: a negative number is what a tracer leaves of one that it has answered itself.
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x80000000, 0, 1),
    RETURN(SECCOMP_RET_ALLOW),
    // x32: the same architecture, by a bit in the number.
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
    RETURN(SECCOMP_RET_KILL_PROCESS),
#endif
    CASE(SYS_connect, kAsk),
    CASE(SYS_bind, kAsk),
    CASE(SYS_sendmsg, kAsk),
    CASE(SYS_sendmmsg, kAsk),
    IF(SYS_sendto, 6),
    LOAD(Low(4)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
    LOAD(High(4)),
    CASE(0, SECCOMP_RET_ALLOW),
    RETURN(kAsk),
    IF(SYS_socket, 12),
    LOAD(Low(0)),
    CASE(AF_UNIX, SECCOMP_RET_ALLOW),
    CASE(AF_NETLINK, SECCOMP_RET_ALLOW),
    CASE(AF_ALG, SECCOMP_RET_ALLOW),
    CASE(AF_INET, kAsk),
    CASE(AF_INET6, kAsk),
    RETURN(Fail(EAFNOSUPPORT)),
    IF(SYS_setsockopt, 34),
    LOAD(Low(1)),
    IF(SOL_SOCKET, 6),
    LOAD(Low(2)),
    CASE(SO_BINDTODEVICE, Fail(EPERM)),
    CASE(SO_BINDTOIFINDEX, Fail(EPERM)),
    RETURN(SECCOMP_RET_ALLOW),
    // See `StayWholeWhenClosed`.
    IF(IPPROTO_TCP, 4),
    LOAD(Low(2)),
    CASE(TCP_LINGER2, Fail(EPERM)),
    RETURN(SECCOMP_RET_ALLOW),
    // The kernel reports a new member by the device that the call names or the routing table gives, whatever the socket is bound to.
    IF(IPPROTO_IP, 9),
    LOAD(Low(2)),
    CASE(IP_ADD_MEMBERSHIP, Fail(EPERM)),
    CASE(IP_ADD_SOURCE_MEMBERSHIP, Fail(EPERM)),
    CASE(MCAST_JOIN_GROUP, Fail(EPERM)),
    CASE(MCAST_JOIN_SOURCE_GROUP, Fail(EPERM)),
    IF(IPPROTO_IPV6, 9),
    LOAD(Low(2)),
    CASE(IPV6_JOIN_GROUP, Fail(EPERM)),
    CASE(IPV6_JOIN_ANYCAST, Fail(EPERM)),
    CASE(MCAST_JOIN_GROUP, Fail(EPERM)),
    CASE(MCAST_JOIN_SOURCE_GROUP, Fail(EPERM)),
    RETURN(SECCOMP_RET_ALLOW),
#ifdef SYS_socketcall
    CASE(SYS_socketcall, Fail(ENOSYS)),
#endif
    CASE(SYS_io_uring_setup, Fail(ENOSYS)),
    CASE(SYS_pidfd_getfd, Fail(EPERM)),
    RETURN(SECCOMP_RET_ALLOW),
};

#undef LOAD
#undef RETURN
#undef IF
#undef CASE

}  // namespace

CallFilter MakeCallFilter() { return {kCode, sizeof kCode / sizeof kCode[0]}; }

}  // namespace run
