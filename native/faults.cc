// Only in a build with NETVIA_FAULTS, for tests: JavaScript chooses which calls fail, how often and with which error. The table is the
// process's, for all its threads.
#include <errno.h>
#include <string.h>

#include "arguments.h"
#include "environment.h"
#include "system.h"

namespace {

constexpr const char* kCalls[] = {
    "socket",     "close",    "bind",     "listen",  "connect",        "getsockname",    "getpeername",
    "getsockopt", "setsockopt", "sendmmsg", "recvmmsg", "eventfd",     "if_nametoindex", "if_indextoname",
    "epoll_create1", "epoll_ctl", "epoll_wait", "malloc",  "realloc",  "pthread_create", "getrandom",
    "accept",     "duplicate",  "pipe2",    "splice",   "read",    "send",           "shutdown",
};
constexpr int kCallCount = sizeof kCalls / sizeof kCalls[0];
constexpr int kAny = -1;

// The layout of a row in test/faults/inject.ts.
struct Rule {
  int32_t call;
  // What the call's first numbers behind the descriptor must be.
  int32_t first;
  int32_t second;
  int32_t third;
  // Calls let through before the first that is struck, and how many are struck then.
  int32_t skip;
  int32_t times;
  // What it fails with; 0 lets it go on with `limit`. A setsockopt then succeeds without effect.
  int32_t error;
  // The most packets that a batch may have.
  int32_t limit;
};
constexpr size_t kFields = sizeof(Rule) / sizeof(int32_t);
constexpr size_t kRules = 64;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
Rule rules[kRules];
size_t ruleCount = 0;
int32_t counts[kCallCount];

int IndexOf(const char* call) {
  int index = 0;
  while (strcmp(kCalls[index], call) != 0) index++;
  return index;
}

bool Fits(int32_t wanted, int value) { return wanted == kAny || wanted == value; }

// Counts the call, and fills in the rule that strikes it.
bool Struck(const char* call, Rule* struck, int first = kAny, int second = kAny, int third = kAny) {
  int index = IndexOf(call);
  bool found = false;
  pthread_mutex_lock(&lock);
  counts[index]++;
  for (size_t i = 0; i < ruleCount && !found; i++) {
    Rule& rule = rules[i];
    if (rule.call != index || !Fits(rule.first, first) || !Fits(rule.second, second) || !Fits(rule.third, third)) continue;
    if (rule.skip > 0) {
      rule.skip--;
    } else if (rule.times > 0) {
      rule.times--;
      *struck = rule;
      found = true;
    }
  }
  pthread_mutex_unlock(&lock);
  return found;
}

bool Fails(const char* call, int first = kAny, int second = kAny, int third = kAny) {
  Rule rule{};
  if (!Struck(call, &rule, first, second, third) || rule.error == 0) return false;
  errno = rule.error;
  return true;
}

}  // namespace

namespace sys {

int socket(int family, int type, int protocol) {
  if (Fails("socket", family, type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK), protocol)) return -1;
  return ::socket(family, type, protocol);
}

int accept(int fd, sockaddr* address, socklen_t* length) {
  return Fails("accept") ? -1 : accept4(fd, address, length, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

// The kernel closes the descriptor whatever it returns, close(2).
int close(int fd) {
  int result = ::close(fd);
  return Fails("close") ? -1 : result;
}

int bind(int fd, const sockaddr* address, socklen_t length) {
  return Fails("bind") ? -1 : ::bind(fd, address, length);
}

int listen(int fd, int backlog) { return Fails("listen") ? -1 : ::listen(fd, backlog); }

int connect(int fd, const sockaddr* address, socklen_t length) {
  return Fails("connect") ? -1 : ::connect(fd, address, length);
}

int getsockname(int fd, sockaddr* address, socklen_t* length) {
  return Fails("getsockname") ? -1 : ::getsockname(fd, address, length);
}

int getpeername(int fd, sockaddr* address, socklen_t* length) {
  return Fails("getpeername") ? -1 : ::getpeername(fd, address, length);
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  return Fails("getsockopt", level, name) ? -1 : ::getsockopt(fd, level, name, value, length);
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  Rule rule{};
  if (!Struck("setsockopt", &rule, level, name)) return ::setsockopt(fd, level, name, value, length);
  errno = rule.error;
  return rule.error == 0 ? 0 : -1;
}

unsigned if_nametoindex(const char* name) { return Fails("if_nametoindex") ? 0 : ::if_nametoindex(name); }

char* if_indextoname(unsigned index, char* name) {
  return Fails("if_indextoname") ? nullptr : ::if_indextoname(index, name);
}

int epoll_create1(int flags) { return Fails("epoll_create1") ? -1 : ::epoll_create1(flags); }

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
  return Fails("epoll_ctl", operation) ? -1 : ::epoll_ctl(epoll, operation, fd, event);
}

int epoll_wait(int epoll, epoll_event* events, int count, int timeout) {
  return Fails("epoll_wait") ? -1 : ::epoll_wait(epoll, events, count, timeout);
}

int eventfd(unsigned count, int flags) { return Fails("eventfd") ? -1 : ::eventfd(count, flags); }

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
  return Fails("pthread_create") ? errno : ::pthread_create(thread, attributes, run, argument);
}

void* malloc(size_t size) { return Fails("malloc") ? nullptr : ::malloc(size); }

void* realloc(void* memory, size_t size) { return Fails("realloc") ? nullptr : ::realloc(memory, size); }

long transfer(long number, int fd, mmsghdr* messages, int count, int flags) {
  Rule rule{};
  if (Struck(number == SYS_sendmmsg ? "sendmmsg" : "recvmmsg", &rule)) {
    errno = rule.error;
    if (rule.error != 0) return -1;
    if (count > rule.limit) count = rule.limit;
  }
  return syscall(number, fd, messages, count, flags, nullptr);
}

long getrandom(void* out, size_t length) {
  return Fails("getrandom") ? -1 : syscall(SYS_getrandom, out, length, 0);
}

int duplicate(int fd) { return Fails("duplicate") ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0); }

int pipe2(int ends[2], int flags) { return Fails("pipe2") ? -1 : ::pipe2(ends, flags); }

long splice(int from, int to, size_t most) {
  Rule rule{};
  if (Struck("splice", &rule)) {
    errno = rule.error;
    if (rule.error != 0) return -1;
    if (most > static_cast<size_t>(rule.limit)) most = static_cast<size_t>(rule.limit);
  }
  return syscall(SYS_splice, from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

ssize_t read(int fd, void* bytes, size_t most) { return Fails("read") ? -1 : ::read(fd, bytes, most); }

ssize_t send(int fd, const void* bytes, size_t length, int flags) {
  return Fails("send") ? -1 : ::send(fd, bytes, length, flags);
}

int shutdown(int fd, int how) { return Fails("shutdown") ? -1 : ::shutdown(fd, how); }

}  // namespace sys

// setFaults(rows): takes the place of the table before.
static int SetFaults(const Arguments& arguments) {
  View<int32_t> rows(arguments, 0);
  pthread_mutex_lock(&lock);
  ruleCount = rows.length / kFields;
  if (ruleCount > kRules) ruleCount = kRules;
  if (ruleCount > 0) memcpy(rules, rows.data, ruleCount * sizeof(Rule));
  pthread_mutex_unlock(&lock);
  return 0;
}

// faultsLeft(rows): the table as it is now, with what is left of `skip` and `times`.
static int FaultsLeft(const Arguments& arguments) {
  View<int32_t> rows(arguments, 0);
  pthread_mutex_lock(&lock);
  if (rows.data && ruleCount > 0 && rows.length >= ruleCount * kFields) memcpy(rows.data, rules, ruleCount * sizeof(Rule));
  pthread_mutex_unlock(&lock);
  return 0;
}

// callCounts(out): how often each of `faultCalls` was called since the process began.
static int CallCounts(const Arguments& arguments) {
  View<int32_t> out(arguments, 0);
  pthread_mutex_lock(&lock);
  if (out.length >= kCallCount) memcpy(out.data, counts, sizeof counts);
  pthread_mutex_unlock(&lock);
  return 0;
}

void DefineFaults(Napi::Env env, Napi::Object exports) {
  auto names = Napi::Array::New(env, kCallCount);
  for (uint32_t i = 0; i < kCallCount; i++) names.Set(i, Napi::String::New(env, kCalls[i]));
  exports.Set("faultCalls", names);
  constexpr Function kFunctions[] = {
      {"setFaults", Call<SetFaults>},
      {"faultsLeft", Call<FaultsLeft>},
      {"callCounts", Call<CallCounts>},
  };
  Define(env, exports, kFunctions);
}
