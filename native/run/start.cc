// Becomes another program that asks a supervisor for each of its sockets.
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "start.h"

#include "../arguments.h"

#ifndef SYS_close_range
#define SYS_close_range (SYS_pidfd_getfd - 2)
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif

namespace run {
namespace {

// Kernels before 5.19 don't know it: a signal then makes the program ask again.
constexpr unsigned kWaitKillable = 1u << 5;

int InstallFilter() {
  CallFilter filter = MakeCallFilter();
  sock_fprog program{filter.length, const_cast<sock_filter*>(filter.code)};
  // What an ordinary user needs to install one: the program and all it starts gain no privilege by exec.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
  unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | kWaitKillable, &program);
  if (listener < 0 && errno == EINVAL) listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  return Result(listener);
}

// The signals as a shell would hand them over, and the three standard streams without what Node sets.
void RestoreDefaults() {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);  // NOLINT(concurrency-mt-unsafe): a child has one thread
  for (int fd = 0; fd <= 2; fd++) {
    fcntl(fd, F_SETFD, 0);
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && flags & O_NONBLOCK) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  }
}

[[noreturn]] void Become(char* const* words, int toParent) {
  int answer = InstallFilter();
  // Up to here the listener opens in the parent's table of descriptors, too: sending it would need a supervisor already.
  // Closes nothing, as no descriptor is that high. Docker forbids unshare(2).
  if (answer >= 0 && syscall(SYS_close_range, ~0U, ~0U, CLOSE_RANGE_UNSHARE) < 0) answer = -errno;
  [[maybe_unused]] ssize_t written = write(toParent, &answer, sizeof answer);
  if (answer >= 0) {
    RestoreDefaults();
    execvp(words[0], words);
    answer = -errno;
    written = write(toParent, &answer, sizeof answer);
  }
  _exit(127);
}

// fork(2), but with the table of descriptors shared until exec.
pid_t ForkSharingDescriptors() {
#ifdef __s390x__
  return static_cast<pid_t>(syscall(SYS_clone, nullptr, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr));
#else
  return static_cast<pid_t>(syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
#endif
}

bool ReadNumber(int fd, int* number) {
  ssize_t length;
  do {
    length = read(fd, number, sizeof *number);
  } while (length < 0 && errno == EINTR);
  return length == sizeof *number;
}

}  // namespace

int Start(char* const* words, Descriptor* listener) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  Descriptor out(ends[0]);
  Descriptor in(ends[1]);
  // No handler of Node may run in the child: it would write to a pipe of the parent.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = ForkSharingDescriptors();
  if (pid == 0) Become(words, in.Get());
  int error = Result(pid);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error < 0) return error;
  int answer = -ECHILD;
  ReadNumber(out.Get(), &answer);
  in.Reset();
  if (answer >= 0) {
    *listener = Descriptor(answer);
    // Nothing more comes when exec has closed the other end.
    answer = 0;
    ReadNumber(out.Get(), &answer);
  }
  if (answer == 0) return pid;
  listener->Reset();
  waitpid(pid, nullptr, 0);
  return answer;
}

}  // namespace run
