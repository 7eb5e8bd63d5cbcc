// The system calls of the addon, and the functions of the C library that can fail, all by one name: `sys::`. They are the
// C library's own; in a build with NETVIA_FAULTS each can be made to fail (native/faults.cc).
#pragma once

#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sys {

#ifdef NETVIA_FAULTS
int accept(int fd, sockaddr* address, socklen_t* length);
int socket(int family, int type, int protocol);
int close(int fd);
int bind(int fd, const sockaddr* address, socklen_t length);
int listen(int fd, int backlog);
int connect(int fd, const sockaddr* address, socklen_t length);
int getpeername(int fd, sockaddr* address, socklen_t* length);
int getsockname(int fd, sockaddr* address, socklen_t* length);
int getsockopt(int fd, int level, int name, void* value, socklen_t* length);
int setsockopt(int fd, int level, int name, const void* value, socklen_t length);
unsigned if_nametoindex(const char* name);
char* if_indextoname(unsigned index, char* name);
int epoll_create1(int flags);
int epoll_ctl(int epoll, int operation, int fd, epoll_event* event);
int epoll_wait(int epoll, epoll_event* events, int count, int timeout);
int eventfd(unsigned count, int flags);
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument);
void* malloc(size_t size);
void* realloc(void* memory, size_t size);
long transfer(long number, int fd, mmsghdr* messages, int count, int flags);
long getrandom(void* out, size_t length);
int duplicate(int fd);
int pipe2(int ends[2], int flags);
long splice(int from, int to, size_t most);
ssize_t read(int fd, void* bytes, size_t most);
ssize_t send(int fd, const void* bytes, size_t length, int flags);
int shutdown(int fd, int how);
#else
using ::bind;
using ::close;
using ::connect;
using ::epoll_create1;
using ::epoll_ctl;
using ::epoll_wait;
using ::eventfd;
using ::getpeername;
using ::getsockname;
using ::getsockopt;
using ::if_indextoname;
using ::if_nametoindex;
using ::listen;
using ::malloc;
using ::pipe2;
using ::pthread_create;
using ::read;
using ::realloc;
using ::send;
using ::setsockopt;
using ::shutdown;
using ::socket;

// sendmmsg(2) or recvmmsg(2), by number: musl's sendmmsg is a loop, and its recvmmsg has another name on 32 bits.
inline long transfer(long number, int fd, mmsghdr* messages, int count, int flags) {
  return syscall(number, fd, messages, count, flags, nullptr);
}

// By number: glibc has it from 2.25 only.
inline long getrandom(void* out, size_t length) { return syscall(SYS_getrandom, out, length, 0); }

inline int accept(int fd, sockaddr* address, socklen_t* length) {
  return accept4(fd, address, length, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

inline int duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }

// Doesn't wait for the pipe. Sockets here never wait.
inline long splice(int from, int to, size_t most) {
  return syscall(SYS_splice, from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}
#endif

}  // namespace sys
