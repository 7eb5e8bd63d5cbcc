#include "tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

namespace run {
namespace {
// PIDFD_THREAD of Linux 6.9.
constexpr unsigned kThread = O_EXCL;

// The two paths lead to the same namespace.
bool SameNamespace(const char* one, const char* other) {
  char links[2][64] = {};
  if (readlink(one, links[0], sizeof links[0] - 1) <= 0) return false;
  return readlink(other, links[1], sizeof links[1] - 1) > 0 && strcmp(links[0], links[1]) == 0;
}
}  // namespace

int Tracee::Read(uint64_t from, void* to, size_t length) const {
  iovec local{to, length};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of the other process, as its system call has it.
  iovec remote{reinterpret_cast<void*>(static_cast<uintptr_t>(from)), length};
  ssize_t read = process_vm_readv(Pid(), &local, 1, &remote, 1, 0);
  if (read < 0) return errno;
  if (read != static_cast<ssize_t>(length)) return EFAULT;
  return ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &call_.id) < 0 ? errno : 0;
}

size_t Tracee::ReadFile(const char* file, char* to, size_t size) const {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", Pid(), file);
  // By number: glibc and musl have other names for it.
  Descriptor opened(static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC)));
  ssize_t result = opened ? read(opened.Get(), to, size - 1) : -1;
  size_t length = result > 0 ? static_cast<size_t>(result) : 0;
  to[length] = 0;
  return length;
}

void Tracee::ReadName(char* to, size_t size) const {
  size_t length = ReadFile("comm", to, size);
  // No end of the line is behind the longest names.
  if (length > 0 && to[length - 1] == '\n') to[length - 1] = 0;
}

bool Tracee::Field(const char* file, const char* name, int base, uint64_t* value) const {
  char text[4096];
  if (ReadFile(file, text, sizeof text) == 0) return false;
  const char* line = strstr(text, name);
  if (!line) return false;
  *value = strtoull(line + strlen(name), nullptr, base);
  return true;
}

Descriptor Tracee::Copy(int fd) const {
  // The notification names a thread, which may have descriptors of its own. Kernels before 6.9 take only processes.
  Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, Pid(), kThread)));
  uint64_t leader = 0;
  if (!process && errno == EINVAL && Field("status", "\nTgid:", 10, &leader))
    process = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(leader), 0)));
  if (!process) return Descriptor();
  return Descriptor(static_cast<int>(syscall(SYS_pidfd_getfd, process.Get(), fd, 0)));
}

bool Tracee::HasNetRaw() const {
  // In /proc/PID/status they stand behind any number of groups.
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, Pid()};
  __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, held) < 0 || !(held[0].effective >> CAP_NET_RAW & 1)) return false;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", Pid());
  return SameNamespace(path, "/proc/self/ns/user");
}

void Tracee::Give(int descriptor, bool closeOnExec) const {
  seccomp_notif_addfd added{};
  added.id = call_.id;
  added.flags = SECCOMP_ADDFD_FLAG_SEND;
  added.srcfd = static_cast<uint32_t>(descriptor);
  added.newfd_flags = closeOnExec ? O_CLOEXEC : 0;
  if (ioctl(listener_, SECCOMP_IOCTL_NOTIF_ADDFD, &added) < 0) Finish(errno);
}

bool Tracee::Replace(int fd, int descriptor) const {
  char file[32];
  snprintf(file, sizeof file, "fdinfo/%d", fd);
  uint64_t flags = 0;
  if (!Field(file, "flags:", 8, &flags)) return false;
  seccomp_notif_addfd added{};
  added.id = call_.id;
  added.flags = SECCOMP_ADDFD_FLAG_SETFD;
  added.srcfd = static_cast<uint32_t>(descriptor);
  added.newfd = static_cast<uint32_t>(fd);
  added.newfd_flags = static_cast<uint32_t>(flags & O_CLOEXEC);
  return ioctl(listener_, SECCOMP_IOCTL_NOTIF_ADDFD, &added) >= 0;
}

void Tracee::Respond(int error, uint32_t flags) const {
  seccomp_notif_resp response{};
  response.id = call_.id;
  response.error = error;
  response.flags = flags;
  // Fails only where nobody waits any more.
  ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

}  // namespace run
